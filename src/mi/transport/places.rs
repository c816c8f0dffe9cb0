//! Where servers are looked for when nobody says where they listen.

use std::fs::{self, FileType};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::process::geteuid;

use super::login::Login;
use super::target::{Host, Target};
use crate::names;
use crate::sorted;

/// The default of the Go exporter that this one replaces.
const ORIGINAL: &str = "/var/run/ser-fg/ser.sock";

/// Directories of servers, and the file that the configurations they come with have there (OpenSIPS
/// 3.4 to 4.0, Kamailio 5.6).
const OF_SERVERS: &[(&str, &str)] = &[
    ("/run/opensips", "opensips_fifo"),
    ("/var/run/opensips", "opensips_fifo"),
    ("/run/kamailio", "kamailio_rpc.sock"),
];

/// A directory of everybody, where OpenSIPS up to 3.2 has its FIFO.
const SHARED: &str = "/tmp";

/// Where `mi_http` listens by default, and its root.
const HTTP: (&str, u16, &str) = ("127.0.0.1", 8888, "/mi");

/// The first user who is not one of the system's (login.defs(5), `SYS_UID_MAX`).
const FIRST_PERSON: u32 = 1000;

/// What is looked at in one directory at most.
const MAX_FILES: usize = 16;

/// Where a server may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Places {
    /// There, in this order.
    Given(Vec<Target>),
    /// Where servers usually are.
    Usual,
}

impl FromStr for Places {
    type Err = String;

    /// Reads a [`Target`], or `auto` for the usual places.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Places::Usual),
            _ => Ok(Places::Given(vec![text.parse()?])),
        }
    }
}

impl Places {
    /// What is there now and may be a server, in the order in which it is to be asked.
    pub fn targets(&self) -> Vec<Target> {
        if let Places::Given(targets) = self {
            return targets.clone();
        }
        let mut files = Vec::new();
        if Path::new(ORIGINAL).exists() {
            files.push(PathBuf::from(ORIGINAL));
        }
        let mut seen = Vec::new();
        for (directory, usual) in OF_SERVERS {
            // The one below /var/run is mostly the same.
            let real = fs::canonicalize(directory).ok();
            if real.as_ref().is_some_and(|real| !seen.contains(real)) {
                files.extend(servers_in(Path::new(directory), usual, |_, _| true));
            }
            seen.extend(real);
        }
        files.extend(servers_in(Path::new(SHARED), "opensips_fifo", is_of_a_server));
        let (name, port, path) = HTTP;
        let host = Host { name: name.to_string(), port };
        let http = Target::Http { host, path: path.to_string(), login: Login::default() };
        files.into_iter().map(Target::Path).chain([http]).collect()
    }

    /// Whether a server that is asked by HTTP may be among them.
    pub fn has_http(&self) -> bool {
        match self {
            Places::Given(targets) => {
                targets.iter().any(|target| matches!(target, Target::Http { .. }))
            }
            Places::Usual => true,
        }
    }

    /// What they are called in a message.
    pub fn describe(&self) -> String {
        if let Places::Given(targets) = self {
            let targets: Vec<String> = targets.iter().map(Target::to_string).collect();
            return targets.join(", ");
        }
        let directories: Vec<&str> = OF_SERVERS.iter().map(|(directory, _)| *directory).collect();
        let (name, port, path) = HTTP;
        format!("{ORIGINAL}, {}, {SHARED}, http://{name}:{port}{path}", directories.join(", "))
    }
}

/// The files in `directory` that may be servers, if their name and owner are `right`: sockets
/// first, since the kernel says who answers there. `usual` is looked at also if the directory does
/// not tell what is in it.
fn servers_in(directory: &Path, usual: &str, is_right: impl Fn(&str, u32) -> bool) -> Vec<PathBuf> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return vec![directory.join(usual)];
        }
        Err(_) => return Vec::new(),
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let (name, facts) = (entry.file_name(), entry.metadata());
        if let (Some(name), Ok(facts)) = (name.to_str(), facts)
            && may_be_server(name, facts.file_type())
            && is_right(name, facts.uid())
        {
            sorted::add((facts.file_type().is_fifo(), entry.path()), &mut found);
        }
    }
    found.truncate(MAX_FILES);
    found.into_iter().map(|(_, path)| path).collect()
}

/// Whether a file may be a server, and not a socket or a FIFO that a client has made for a reply:
/// clients end the names of these with numbers (opensips-cli, opensipsctl). What reads a FIFO of
/// Kamailio speaks otherwise.
fn may_be_server(name: &str, kind: FileType) -> bool {
    let is_fifo = kind.is_fifo() && name.ends_with("fifo") && !name.contains("kamailio");
    (kind.is_socket() || is_fifo) && !name.contains(names::PREFIX)
}

/// Whether a file in a directory of everybody has the name of a server, and is not of a person, who
/// could take the place of a server that is down.
fn is_of_a_server(name: &str, owner: u32) -> bool {
    let is_trusted = owner < FIRST_PERSON || owner == geteuid().as_raw();
    is_trusted && (name.contains("opensips") || name.contains("kamailio"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};
    use std::{env, io, process};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn directory(name: &str) -> io::Result<PathBuf> {
        let path = env::temp_dir().join(format!("ose-places-{name}-{}", process::id()));
        fs::create_dir(&path)?;
        for socket in ["z.sock", "opensips.sock", "opensips_exporter-0123.sock"] {
            UnixDatagram::bind(path.join(socket))?;
        }
        UnixListener::bind(path.join("kamailio_ctl"))?;
        for fifo in [
            "opensips_fifo",
            "mi_fifo",
            "kamailio_rpc.fifo",
            "opensips_exporter-0123",
            "{\"opensips_exporter-0123\":1,\"method\":\"version\",\"id\":1}",
            "opensips_fifo_reply_123_456",
            "osips_rply_0123",
        ] {
            mknodat(CWD, path.join(fifo), FileType::Fifo, Mode::RUSR, 0)?;
        }
        fs::write(path.join("opensips_file_fifo"), "")?;
        std::os::unix::fs::symlink("mi_fifo", path.join("link_fifo"))?;
        Ok(path)
    }

    fn found(directory: &Path, is_right: impl Fn(&str, u32) -> bool) -> Vec<String> {
        let found = servers_in(directory, "usual", is_right);
        let names = found.iter().filter_map(|path| path.file_name()?.to_str());
        names.map(str::to_string).collect()
    }

    #[test]
    fn sockets_and_fifos_of_servers_are_found_and_nothing_else() -> io::Result<()> {
        let directory = directory("all")?;
        let own = found(&directory, |_, _| true);
        let shared = found(&directory, is_of_a_server);
        fs::remove_dir_all(&directory)?;
        let expected = ["kamailio_ctl", "opensips.sock", "z.sock", "mi_fifo", "opensips_fifo"];
        assert_eq!(own, expected);
        assert_eq!(shared, ["kamailio_ctl", "opensips.sock", "opensips_fifo"]);
        assert_eq!(found(&directory, |_, _| true), Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn a_person_is_no_server() {
        let own = geteuid().as_raw();
        for (owner, is_right) in [(0, true), (999, true), (own, true), (own.max(1000) + 1, false)] {
            assert_eq!(is_of_a_server("opensips_fifo", owner), is_right, "{owner}");
        }
    }

    #[test]
    fn the_last_place_is_mi_http() {
        let last = Places::Usual.targets().pop();
        let last = last.map(|target| target.to_string());
        assert_eq!(last.as_deref(), Some("http://127.0.0.1:8888/mi"));
        assert!(Places::Usual.describe().ends_with("http://127.0.0.1:8888/mi"));
    }
}
