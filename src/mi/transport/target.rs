//! Where a server listens, as its configuration spells it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::login::Login;
use crate::files::socket_path;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file: the `fifo_name` of `mi_fifo`, or a unix datagram socket, which is the `socket_name`
    /// of `mi_datagram` with a path or the `dgram_socket` of Kamailio's jsonrpcs.
    Path(PathBuf),
    /// A UDP port: the other form of the last two.
    Udp(Host),
    /// `mi_http` of OpenSIPS 3.0 and later.
    Http {
        /// Where it listens.
        host: Host,
        /// The path of the URL, `/mi` by default.
        path: String,
        /// The user and the password in the URL (OpenSIPS 4.1, `auth_username` and
        /// `auth_password`).
        login: Login,
    },
}

/// A host and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A name, or an IP address without brackets.
    pub name: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Path(path) => write!(f, "{}", path.display()),
            Target::Udp(host) => write!(f, "udp:{host}"),
            Target::Http { host, path, .. } => write!(f, "http://{host}{path}"),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    /// Reads a path with or without `unix:` before it, `udp:HOST:PORT` or `http://HOST:PORT/PATH`,
    /// with `USER:PASSWORD@` before the host, percent-encoded, where `mi_http` asks for them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = text.strip_prefix("udp:") {
            let right = "use udp:HOST:PORT or udp:[IPV6]:PORT, such as udp:127.0.0.1:8080";
            return Ok(Target::Udp(parse_host(rest, None).ok_or(right)?));
        }
        if let Some(rest) = text.strip_prefix("http://") {
            let right = "use http://HOST:PORT/PATH, such as http://127.0.0.1:8888/mi";
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            if path.contains('@') {
                return Err("write a / in the password as %2F and an @ in the path as %40, or \
                            keep the password in a file"
                    .to_string());
            }
            let (login, host) = host.rsplit_once('@').unwrap_or(("", host));
            let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic());
            let host = parse_host(host, Some(80)).filter(|_| is_plain).ok_or(right)?;
            let path = if path.is_empty() { "/" } else { path };
            let login = Login::of_url(login);
            return Ok(Target::Http { host, path: path.to_string(), login });
        }
        if text.starts_with("https://") {
            return Err("TLS is not spoken, use http://HOST:PORT/PATH".to_string());
        }
        if text.starts_with("tcp:") {
            return Err("TCP is spoken by HTTP alone, use http://HOST:PORT/PATH".to_string());
        }
        if text.starts_with("unixgram:") || text.starts_with("unixd:") {
            return Err("use the path alone, or unix:PATH".to_string());
        }
        if !text.starts_with("unix:") && !text.starts_with(['/', '.']) && text.contains('@') {
            return Err(
                "use http://USER:PASSWORD@HOST:PORT/PATH, or unix:PATH for a file".to_string()
            );
        }
        socket_path(text.strip_prefix("unix:").unwrap_or(text)).map(Target::Path)
    }
}

fn parse_host(text: &str, default_port: Option<u16>) -> Option<Host> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, rest) = rest.split_once(']')?;
            (name, rest.strip_prefix(':'))
        }
        None => match text.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') => (name, Some(port)),
            Some(_) => return None,
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|&port| port > 0)?,
        None => default_port?,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
    (!name.is_empty() && name.chars().all(is_name)).then(|| Host { name: name.to_string(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_printed() {
        for text in [
            "/run/opensips/mi.sock",
            "mi.sock",
            "udp:127.0.0.1:8080",
            "udp:[::1]:8080",
            "udp:sip.example.com:8080",
            "http://127.0.0.1:8888/mi/",
            "http://[2001:db8::1]:8888/mi",
            "http://localhost:80/",
        ] {
            let target = text.parse::<Target>().map(|target| target.to_string());
            assert_eq!(target.as_deref(), Ok(text));
        }
        for (text, expected) in [
            ("http://sip1", "http://sip1:80/"),
            ("http://user:p%40ss@sip1/mi", "http://sip1:80/mi"),
            ("http://us@er@sip1/mi", "http://sip1:80/mi"),
            ("unix:/run/opensips/mi.sock", "/run/opensips/mi.sock"),
            ("unix:mi.sock", "mi.sock"),
            ("unix:a@b", "a@b"),
            ("./a@b", "./a@b"),
        ] {
            let target = text.parse::<Target>().map(|target| target.to_string());
            assert_eq!(target.as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_cannot_be_reached_is_refused() {
        for text in [
            "unix:",
            "udp:",
            "udp:127.0.0.1",
            "udp:127.0.0.1:0",
            "udp:127.0.0.1:65536",
            "udp::1:8080",
            "udp:[::1]",
            "udp:a b:1",
            "http://",
            "http://:80/",
            "http://a:b/",
            "http://a:80/a b",
            "http://user@/",
            "http://user:1/2@host/mi",
            "user:password@host",
            "https://a/mi",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
