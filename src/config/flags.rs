//! The table of all flags: it feeds the command line, the environment, the defaults and `--help`.

use std::path;
use std::time::Duration;

use log::LevelFilter;

use super::Config;
use crate::mi::Target;
use crate::selection::Scope;

/// Answers 200 as long as the process answers at all.
pub const HEALTHY_PATH: &str = "/-/healthy";

/// Answers 200 when the SIP server answers.
pub const READY_PATH: &str = "/-/ready";

/// One flag: what it is called, what it is for, and what it does.
pub struct Flag {
    /// Its names, with two dashes. The environment variables follow from them.
    pub names: &'static [&'static str],
    /// A word for its value in the help.
    pub value: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// What it is when nobody sets it. Empty: not set.
    pub default: &'static str,
    /// Puts a value into the settings, or says what would be right.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
}

/// All flags that take a value, in the order of the help.
pub const FLAGS: &[Flag] = &[
    Flag {
        names: &["--addr", "--web.listen-address"],
        value: "HOST:PORT",
        help: "Where to listen for HTTP. An empty host is all addresses, IPv6 and IPv4.",
        default: ":9434",
        set: |config, value| {
            config.address = value.parse()?;
            Ok(())
        },
    },
    Flag {
        names: &["--path", "--web.telemetry-path"],
        value: "PATH",
        help: "The path of the metrics.",
        default: "/metrics",
        set: |config, value| {
            config.path = parse_path(value)?;
            Ok(())
        },
    },
    Flag {
        names: &["--socket"],
        value: "ADDRESS",
        help: "Where OpenSIPS listens, as in its configuration: the socket_name of mi_datagram, which is the path of a unix datagram socket or udp:HOST:PORT; or the URL of mi_http (OpenSIPS 3.0 and later), http://HOST:PORT/mi.",
        default: "/var/run/ser-fg/ser.sock",
        set: |config, value| {
            config.socket = value.parse()?;
            Ok(())
        },
    },
    Flag {
        names: &["--protocol"],
        value: "NAME",
        help: "mi_datagram to ask at --socket, or mi_http to ask at --http_address.",
        default: "mi_datagram",
        set: |config, value| {
            config.asks_by_http = match value {
                "mi_datagram" => false,
                "mi_http" => true,
                _ => return Err("use mi_datagram or mi_http".to_string()),
            };
            Ok(())
        },
    },
    Flag {
        names: &["--http_address"],
        value: "URL",
        help: "The URL of mi_http, for --protocol mi_http.",
        default: "http://127.0.0.1:8888/mi/",
        set: |config, value| {
            let target = value.parse()?;
            if !matches!(target, Target::Http { .. }) {
                return Err("use http://HOST:PORT/PATH".to_string());
            }
            config.http_address = target;
            Ok(())
        },
    },
    Flag {
        names: &["--dialect"],
        value: "NAME",
        help: "What the server speaks: line (OpenSIPS 1.x and 2.x), jsonrpc (OpenSIPS 3.0 and later), kamailio, or auto to find out.",
        default: "auto",
        set: |config, value| {
            config.dialect = match value {
                "auto" => None,
                _ => Some(
                    value
                        .parse()
                        .map_err(|()| "use auto, line, jsonrpc or kamailio")?,
                ),
            };
            Ok(())
        },
    },
    Flag {
        names: &["--collect"],
        value: "GROUPS",
        help: "The groups of statistics and the modules whose state is collected, with commas between them, such as core,tm,dispatcher. With all among them it is everything that is on by default and these. A collect[] in the URL chooses among them.",
        default: "all",
        set: |config, value| config.scope.collect(value),
    },
    Flag {
        names: &["--exclude"],
        value: "GROUPS",
        help: "Groups and modules that are not collected, such as pkmem,load on a server with hundreds of processes.",
        default: "",
        set: |config, value| {
            config.scope.excluded = Scope::parse_groups(value)?;
            Ok(())
        },
    },
    Flag {
        names: &["--dialog-profiles"],
        value: "NAMES",
        help: "Dialog profiles whose number of dialogs is collected, with commas between them. The server walks each of them for it.",
        default: "",
        set: |config, value| {
            config.dialog_profiles = parse_profiles(value)?;
            Ok(())
        },
    },
    Flag {
        names: &["--timeout"],
        value: "DURATION",
        help: "How long a scrape may wait for OpenSIPS, such as 500ms or 5s. A scrape timeout that Prometheus announces makes it shorter.",
        default: "5s",
        set: |config, value| {
            config.timeout = parse_timeout(value)?;
            Ok(())
        },
    },
    Flag {
        names: &["--reply-dir"],
        value: "DIR",
        help: "Bind the sockets for the replies of OpenSIPS in this directory, which both may write to. By default they have abstract addresses, which take no directory and no permission, but which a server in another network namespace (container) cannot reach.",
        default: "",
        set: |config, value| {
            // The server has a working directory of its own.
            let path = path::absolute(value).map_err(|error| error.to_string())?;
            // Leaves room for the name of a reply socket.
            if path.as_os_str().len() > 50 {
                return Err("use a directory whose whole path has at most 50 bytes".to_string());
            }
            config.reply_dir = Some(path);
            Ok(())
        },
    },
    Flag {
        names: &["--log.level"],
        value: "LEVEL",
        help: "The least that is logged: error, warn, info or debug.",
        default: "info",
        set: |config, value| {
            config.log_level = match value {
                "error" => LevelFilter::Error,
                "warn" => LevelFilter::Warn,
                "info" => LevelFilter::Info,
                "debug" => LevelFilter::Debug,
                _ => return Err("use error, warn, info or debug".to_string()),
            };
            Ok(())
        },
    },
    Flag {
        names: &["--log.format"],
        value: "FORMAT",
        help: "How a line of the log is written: logfmt or json.",
        default: "logfmt",
        set: |config, value| {
            config.log_format = value.parse()?;
            Ok(())
        },
    },
];

/// A flag without a value, which prints something and ends.
pub struct Switch {
    /// Its names.
    pub names: &'static [&'static str],
    /// What it is for.
    pub help: &'static str,
    /// What it prints.
    pub prints: Printed,
}

/// All flags without a value, at the end of the help.
pub const SWITCHES: &[Switch] = &[
    Switch {
        names: &["--help", "-h"],
        help: "Print this and end.",
        prints: Printed::Help,
    },
    Switch {
        names: &["--version"],
        help: "Print the version and end.",
        prints: Printed::Version,
    },
];

/// What a switch prints.
#[derive(Clone, Copy)]
pub enum Printed {
    /// The help.
    Help,
    /// The version.
    Version,
}

fn parse_profiles(text: &str) -> Result<Vec<String>, String> {
    let is_name = |name: &str| {
        let is_right = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | ':');
        !name.is_empty() && name.chars().all(is_right)
    };
    let names = text.split(',').map(str::trim);
    if !names.clone().all(is_name) {
        return Err(
            "use names of profiles with commas between them, such as caller,callee".to_string(),
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
    let with_unit = if text.parse::<f64>().is_ok() {
        format!("{text}s")
    } else {
        text.to_string()
    };
    humantime::parse_duration(&with_unit)
        .ok()
        .filter(|timeout| (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(timeout))
        .ok_or_else(|| right.to_string())
}

/// The environment variable of a flag: `--log.level` is `OPENSIPS_EXPORTER_LOG_LEVEL`.
pub fn variable(name: &str) -> String {
    let name = name.trim_start_matches('-').replace(['.', '-'], "_");
    format!("OPENSIPS_EXPORTER_{}", name.to_ascii_uppercase())
}
