//! Where to listen, as the operator spells it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::files::socket_path;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP port.
    Tcp {
        /// A name or an IP address without brackets, `None` for all addresses of this machine.
        host: Option<String>,
        /// The port, 0 for any that is free.
        port: u16,
    },
    /// The file of a unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host: None, port } => write!(f, ":{port}"),
            Address::Tcp { host: Some(host), port } if host.contains(':') => {
                write!(f, "[{host}]:{port}")
            }
            Address::Tcp { host: Some(host), port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return socket_path(path).map(Address::Unix);
        }
        let wrong =
            || "use HOST:PORT, [IPV6]:PORT, :PORT or unix:PATH, such as 127.0.0.1:9434".to_string();
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(inside) => inside.filter(|host| !host.is_empty()).ok_or_else(wrong)?,
            None => host,
        };
        if host.contains(['[', ']', '/']) || (host.contains(':') && !text.starts_with('[')) {
            return Err(wrong());
        }
        Ok(Address::Tcp {
            host: (!host.is_empty()).then(|| host.to_string()),
            port: port.parse().map_err(|_| wrong())?,
        })
    }
}
