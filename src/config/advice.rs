//! What to do about what went wrong: which flag mends which error.

use std::io::ErrorKind;

use crate::gate::address::Address;
use crate::gate::listener::ListenError;
use crate::mi::{Client, CommandError, Error};

/// One line for the operator: what happened, to what, and what to do.
pub fn on_error(error: &Error) -> String {
    let advice = match error {
        Error::Nowhere { .. } | Error::Missing { .. } => {
            "start the server (restart it if its FIFO was removed), or set --socket to where it \
             listens: the fifo_name of mi_fifo or the socket_name of mi_datagram (OpenSIPS), the \
             dgram_socket of jsonrpcs (Kamailio)"
        }
        Error::Denied { is_of_group: true, .. } => {
            "add that user to that group, or change the mode (of a socket: unix_socket_mode and \
             unix_socket_group of mi_datagram, dgram_mode and dgram_group of jsonrpcs; of a FIFO: \
             fifo_mode and fifo_group of mi_fifo)"
        }
        Error::Denied { .. } => {
            "its group may not either, change its mode or group (of a directory: chmod and chgrp; \
             of a socket: unix_socket_mode and unix_socket_group of mi_datagram, dgram_mode and \
             dgram_group of jsonrpcs; of a FIFO: fifo_mode and fifo_group of mi_fifo)"
        }
        Error::NobodyListens { .. } => {
            "the server has died and left its socket or FIFO behind, start it again"
        }
        Error::OtherFile { .. } => {
            "set --socket to the socket_name, dgram_socket or fifo_name in the configuration of \
             the server"
        }
        Error::QueueFull { .. } => {
            "the MI process of the server is stopped or busy, look at it with ps and top"
        }
        Error::NoReply { .. } => {
            "the server hangs, or it is in another network namespace and cannot reach this \
             process: then set --reply-dir"
        }
        Error::NoFifoReply { .. } => {
            "the server does not see that directory (a unit with PrivateTmp= and a container have \
             a /tmp of their own), or its reply_dir is another one: set --reply-dir to the \
             reply_dir of mi_fifo as seen from here; if it worked before, restart the server: a \
             malformed request broke its FIFO, or a client blocks it"
        }
        Error::Replaced { .. } => "the next scrape asks the new one",
        Error::NoTurn { .. } => "the server is slow, or too many clients ask for its metrics",
        Error::NotThere { .. } => {
            "start the server, or set --socket to where its mi_datagram or mi_http listens \
             (OpenSIPS), its jsonrpcs or xhttp (Kamailio)"
        }
        Error::Unresolved { .. } => "correct --socket, or use an IP address",
        Error::Unintelligible { start } if start.starts_with('<') => IS_PAGE,
        Error::Http { what, .. } if what.ends_with("405") => IS_PAGE,
        Error::Http { .. } => {
            "set --socket to the address and the root of mi_http, such as \
             http://127.0.0.1:8888/mi, or to the URL where Kamailio calls jsonrpc_dispatch()"
        }
        Error::Unauthorized { .. } => {
            "set --socket to http://USER:PASSWORD@HOST:PORT/mi, or --http_password_file, to the \
             auth_username and auth_password of mi_http"
        }
        Error::Answered { code: 500, reason } if reason.ends_with("not available") => {
            "it has no command get_statistics: is this the MI of OpenSIPS?"
        }
        Error::Answered { .. } | Error::TooLarge => "look into the log of the server",
        Error::Truncated { .. } => "it is not used, the next scrape asks again",
        Error::Unintelligible { .. } => "check --socket",
        Error::ReplyTooLarge(_) => {
            "check --socket; a module with such large replies can be left out by --exclude"
        }
        Error::Empty => "check --socket, and that the server has the groups that --collect names",
        Error::OtherDialect => "check that --socket is right and --dialect is auto",
        Error::ReplySocket { directory: Some(_), .. } => {
            "let this user write there, or set --reply-dir to another directory"
        }
        Error::ReplySocket { directory: None, .. } => {
            "raise the limits of this process, or set --reply-dir"
        }
        Error::ReplyFifo { .. } => {
            "let this user write there, or set --reply-dir to the reply_dir of mi_fifo as seen \
             from here"
        }
        Error::Io { .. } => "check --socket",
    };
    format!("{error}: {advice}")
}

const IS_PAGE: &str = "that is a page for people, perhaps of mi_html: set --socket to the address \
                       and the root of mi_http";

/// What makes room for larger replies of the server that `client` asks.
pub fn on_room(client: &Client) -> &'static str {
    if !client.endpoint().is_datagram() {
        return "raise buf_size of httpd";
    }
    let product = client.product();
    let of = product.map_or(("", None), |of| (of.name.as_str(), of.version.chars().next()));
    match of {
        ("kamailio", _) => "set pretty_format of jsonrpcs to 0, or use xhttp",
        (_, Some('1' | '2')) => "load mi_fifo and set --socket to its fifo_name",
        (_, Some('3')) => "load mi_fifo or mi_http and set --socket to its fifo_name or URL",
        _ => "raise socket_buf_size of mi_datagram",
    }
}

/// The same as [`on_error`] for what a command of the server that `client` asks failed with.
pub fn on_command(error: &CommandError, client: &Client) -> String {
    let advice = match error {
        CommandError::TooLarge => on_room(client),
        CommandError::TooSlow { .. } | CommandError::NoTime => {
            "raise --timeout, or leave the module out by --exclude"
        }
        CommandError::Paused => "it will be asked again within an hour",
        CommandError::Unknown => "check the configuration of the server",
        CommandError::NotLoaded(_) => "load it with loadmodule",
        CommandError::Unreadable => "please report this, with the version of the server",
        CommandError::Error(Error::Answered { .. }) => "look into the log of the server",
        CommandError::Error(error) => return on_error(error),
    };
    format!("{error}: {advice}")
}

/// What to do about `groups` that are too large for one reply of the server that `client` asks, or
/// did not come in time.
pub fn on_left_out<'g>(groups: impl IntoIterator<Item = &'g String>, client: &Client) -> String {
    let groups: Vec<&str> = groups.into_iter().map(String::as_str).collect();
    format!(
        "left out of the page, each too large for one reply of the server or not answered in time: \
         {} {}, and check whether the script makes names without end",
        groups.join(" "),
        on_room(client)
    )
}

/// What to do about groups that nobody told.
pub const ON_UNKNOWN_GROUPS: &str = "\
    the server does not list the groups that its configuration makes (stat_groups, \
    stat_series_profile): name them by --collect=all,GROUP to have them on the page";

/// What to do about a server that does not tell what commands it has.
pub const ON_NO_COMMANDS: &str = "\
    the server does not list its commands, so the state of its modules is missing: look into the \
    log of the server";

/// One line about a socket that scrapes were to come in by.
pub fn on_listen_error(error: &ListenError) -> String {
    let advice = match error {
        ListenError::NothingPassed => {
            "start the socket unit, see \"print socket\", or leave out --web.systemd-socket"
        }
        ListenError::NotListening(_) => "use ListenStream= and Accept=no in the socket unit",
        ListenError::Refused { address, error } => match (error.kind(), address) {
            (ErrorKind::AddrInUse, Address::Unix(_)) => {
                "another program listens there, or it is a file of another kind: stop that \
                 program, remove the file or choose another path with --addr"
            }
            (ErrorKind::PermissionDenied, Address::Unix(_)) => {
                "let this user write to its directory, or choose another path with --addr"
            }
            (ErrorKind::AddrInUse, _) => {
                "stop the program that listens there, or choose another port with --addr"
            }
            (ErrorKind::PermissionDenied, _) => {
                "choose a port above 1023 with --addr, or give CAP_NET_BIND_SERVICE"
            }
            (ErrorKind::AddrNotAvailable, _) => {
                "this host does not have that address, correct --addr"
            }
            _ => "check --addr",
        },
    };
    format!("{error}: {advice}")
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_refused_address_says_what_would_be_right() {
        for (errno, expected) in [
            (Errno::ACCESS, "choose a port above 1023 with --addr"),
            (Errno::ADDRINUSE, "stop the program that listens there"),
            (Errno::ADDRNOTAVAIL, "this host does not have that address"),
            (Errno::NFILE, "check --addr"),
        ] {
            let address = Address::Tcp { host: None, port: 80 };
            let error = errno.into();
            let text = on_listen_error(&ListenError::Refused { address, error });
            assert!(text.starts_with("cannot listen on :80: "), "{text}");
            assert!(text.contains(expected), "{text}");
        }
    }
}
