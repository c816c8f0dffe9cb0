//! The table of all flags: it feeds the command line, the environment, the defaults and `--help`.

use std::fs;
use std::path::{self, PathBuf};
use std::time::Duration;

use log::LevelFilter;

use super::Config;
use crate::mi::{Dialect, Login, Places, Target};
use crate::selection::Scope;

/// Answers 200 as long as the process answers at all.
pub const HEALTHY_PATH: &str = "/-/healthy";

/// Answers 200 when the SIP server answers.
pub const READY_PATH: &str = "/-/ready";

/// One flag: what it is called, what it is for, and what it does.
pub struct Flag {
    /// Its names, with two dashes. The environment variables follow from them.
    pub names: &'static [&'static str],
    /// A word for its value in the help, or all values with `|` between them. Empty: it is a
    /// switch, whose value is `true` or `false`, and `true` if there is none.
    pub value: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// What it is when nobody sets it. Empty: not set.
    pub default: &'static str,
    /// Whether it may be given several times, which is the same as commas between the values.
    pub is_list: bool,
    /// Puts a value into the settings, or says what would be right.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
}

/// All flags of which there is a setting, in the order of the help.
#[rustfmt::skip]
pub const FLAGS: &[Flag] = &[
    Flag { is_list: true, ..flag(&["--addr", "--web.listen-address"], "ADDRESS", ":9434",
        "Where to listen for HTTP. HOST:PORT, where an empty host means all IPv4 and IPv6 \
         addresses, or unix:PATH, a socket that everybody who can reach it may use. May be given \
         several times, or hold a list with commas.",
        |config, value| put(&mut config.addresses, value.split(',').map(str::parse).collect())) },
    flag(&["--web.systemd-socket"], "", "",
        "Listen on the sockets that systemd passes, instead of --addr. See print socket. In the \
         environment: OPENSIPS_EXPORTER_WEB_SYSTEMD_SOCKET=true.",
        |config, value| put(&mut config.takes_sockets, parse_switch(value))),
    flag(&["--path", "--web.telemetry-path"], "PATH", "/metrics",
        "The path of the metrics.",
        |config, value| put(&mut config.path, parse_path(value))),
    flag(&["--socket"], "ADDRESS", "auto",
        "Where the server listens, as its configuration says. A path is the fifo_name of mi_fifo, \
         the socket_name of mi_datagram (OpenSIPS) or the dgram_socket of jsonrpcs (Kamailio); \
         udp:HOST:PORT is mi_datagram or jsonrpcs over UDP; http://HOST:PORT/mi is mi_http \
         (OpenSIPS 3.0 and later) or xhttp (Kamailio). With auto, the exporter uses the first \
         server that answers at /var/run/ser-fg/ser.sock, at the datagram sockets and FIFOs in \
         /run/opensips, /var/run/opensips, /run/kamailio and /tmp, or at \
         http://127.0.0.1:8888/mi.",
        |config, value| put(&mut config.socket, value.parse())),
    flag(&["--protocol"], "mi_datagram|mi_http", "mi_datagram",
        "Whether to ask at --socket (mi_datagram) or at --http_address (mi_http). It exists \
         because the Go exporter has it.",
        |config, value| put(&mut config.asks_by_http, parse_protocol(value))),
    flag(&["--http_address"], "URL", "http://127.0.0.1:8888/mi/",
        "The URL of mi_http, for --protocol mi_http.",
        |config, value| put(&mut config.http_address, parse_url(value))),
    flag(&["--http_password_file"], "FILE", "",
        "A file that holds the auth_password of mi_http (OpenSIPS 4.1). It belongs to the user in \
         http://USER@HOST:PORT/mi; without one there, the file holds USER:PASSWORD. A URL with \
         both, http://USER:PASSWORD@HOST:PORT/mi, percent-encoded, works too, but all users of \
         this machine can see it.",
        |config, value| put(&mut config.http_login, read_login(value))),
    flag(&["--dialect"], "auto|line|jsonrpc|kamailio", "auto",
        "What the server speaks: line (OpenSIPS 1.x and 2.x), jsonrpc (OpenSIPS 3.0 and later) or \
         kamailio. With auto, the exporter finds out.",
        |config, value| put(&mut config.dialect, parse_dialect(value))),
    flag(&["--collect"], "GROUPS", "all",
        "The groups of statistics and the modules to collect, such as core,tm,dispatcher. The \
         word all stands for everything that is on by default, so all,tcp_connections adds one. A \
         collect[] in the URL chooses among these.",
        |config, value| config.scope.collect(value)),
    flag(&["--exclude"], "GROUPS", "",
        "Groups and modules to leave out, such as pkmem,load. These two are most of the page on a \
         server with hundreds of processes.",
        |config, value| put(&mut config.scope.excluded, Scope::parse_groups(value))),
    flag(&["--dialog-profiles"], "NAMES", "",
        "Dialog profiles whose dialogs are counted, such as caller,callee. NAME/value counts those \
         with one value, and all stands for all profiles of OpenSIPS. The server has to walk \
         through each profile.",
        |config, value| put(&mut config.dialog_profiles, parse_profiles(value))),
    flag(&["--timeout"], "DURATION", "5s",
        "How long a scrape may wait for the server, such as 500ms or 5s. It is less if Prometheus \
         announces a shorter scrape timeout.",
        |config, value| put(&mut config.timeout, parse_timeout(value))),
    flag(&["--reply-dir"], "DIR", "",
        "A directory for the replies of the server. For a FIFO it is the reply_dir of mi_fifo as \
         seen from here, by default /tmp. For a datagram socket it is needed only if the server is \
         in another network namespace (container): both must see it at the same path and may write \
         to it.",
        |config, value| put(&mut config.reply_dir, parse_reply_dir(value).map(Some))),
    flag(&["--log.level"], "error|warn|info|debug", "info",
        "The lowest level that is logged.",
        |config, value| put(&mut config.log_level, parse_level(value))),
    flag(&["--log.format"], "logfmt|json", "logfmt",
        "The format of the log.",
        |config, value| put(&mut config.log_format, value.parse())),
];

const fn flag(
    names: &'static [&'static str],
    value: &'static str,
    default: &'static str,
    help: &'static str,
    set: fn(&mut Config, &str) -> Result<(), String>,
) -> Flag {
    Flag { names, value, help, default, is_list: false, set }
}

/// Puts a value into its place in the settings.
fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

/// A flag without a setting, which prints something and ends.
pub struct Switch {
    /// Its names.
    pub names: &'static [&'static str],
    /// What it is for.
    pub help: &'static str,
    /// What it prints.
    pub prints: Printed,
}

/// All flags without a setting, at the end of the help.
pub const SWITCHES: &[Switch] = &[
    Switch { names: &["--help", "-h"], help: "Print this help.", prints: Printed::Help },
    Switch { names: &["--version"], help: "Print the version.", prints: Printed::Version },
];

/// What a switch prints.
#[derive(Clone, Copy)]
pub enum Printed {
    /// The help.
    Help,
    /// The version.
    Version,
}

fn parse_switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "use true or false".to_string())
}

fn parse_protocol(text: &str) -> Result<bool, String> {
    match text {
        "mi_datagram" => Ok(false),
        "mi_http" => Ok(true),
        _ => Err("use mi_datagram or mi_http".to_string()),
    }
}

fn parse_url(text: &str) -> Result<Places, String> {
    match text.parse()? {
        target @ Target::Http { .. } => Ok(Places::Given(vec![target])),
        _ => Err("use http://HOST:PORT/PATH".to_string()),
    }
}

fn read_login(path: &str) -> Result<Login, String> {
    let content = fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    Ok(Login::of_file(&content))
}

fn parse_dialect(text: &str) -> Result<Option<Dialect>, String> {
    match text {
        "auto" => Ok(None),
        _ => match text.parse() {
            Ok(dialect) => Ok(Some(dialect)),
            Err(()) => Err("use auto, line, jsonrpc or kamailio".to_string()),
        },
    }
}

fn parse_reply_dir(text: &str) -> Result<PathBuf, String> {
    // The server has a working directory of its own.
    let path = path::absolute(text).map_err(|error| error.to_string())?;
    // Leaves room for the name of a reply socket.
    match path.as_os_str().len() {
        ..=50 => Ok(path),
        _ => Err("use a directory whose whole path has at most 50 bytes".to_string()),
    }
}

fn parse_level(text: &str) -> Result<LevelFilter, String> {
    let level = text.parse().ok();
    let is_known = ["error", "warn", "info", "debug"].contains(&text);
    level.filter(|_| is_known).ok_or_else(|| "use error, warn, info or debug".to_string())
}

fn parse_profiles(text: &str) -> Result<Vec<String>, String> {
    let is_name = |name: &str| {
        let is_right = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | ':');
        !name.is_empty() && name.chars().all(is_right)
    };
    let names = text.split(',').map(str::trim);
    if !names.clone().all(is_name) {
        return Err(
            "use names of profiles with commas between them, such as caller,callee".to_string()
        );
    }
    Ok(names.map(str::to_string).collect())
}

fn parse_path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err("a path starts with /, such as /metrics".to_string());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['?', '#']) {
        return Err("use printable ASCII without spaces, ? and #, such as /metrics".to_string());
    }
    if text == HEALTHY_PATH || text == READY_PATH {
        return Err("that path is taken by a check of this program, use /metrics".to_string());
    }
    Ok(text.to_string())
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let right = "use a duration above 0 and up to 1h, such as 500ms or 5s";
    // A bare number is meant as seconds.
    let with_unit = if text.parse::<f64>().is_ok() { format!("{text}s") } else { text.to_string() };
    humantime::parse_duration(&with_unit)
        .ok()
        .filter(|timeout| (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(timeout))
        .ok_or_else(|| right.to_string())
}

/// What the names of all environment variables of the program begin with.
pub const VARIABLES: &str = "OPENSIPS_EXPORTER_";

/// The environment variable of a flag: `--log.level` is `OPENSIPS_EXPORTER_LOG_LEVEL`.
pub fn variable(name: &str) -> String {
    let name = name.trim_start_matches('-').replace(['.', '-'], "_");
    format!("{VARIABLES}{}", name.to_ascii_uppercase())
}
