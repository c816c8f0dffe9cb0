//! Flags, environment, defaults and `--help`, all from one table: [`FLAGS`].
//!
//! Each flag may be written with one dash or two, its value behind a space or `=`. Nothing here
//! knows sockets.

use std::ffi::OsString;
use std::fmt::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{self, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use log::LevelFilter;

use crate::logging::Format;
use crate::mi::Dialect;
use crate::server::{HEALTHY_PATH, READY_PATH};
use crate::telemetry::{REVISION, VERSION};

/// What the operator asked for.
#[derive(Debug, Clone)]
pub enum Command {
    /// Serve scrapes until a signal ends the process.
    Run(Config),
    /// Print this and end.
    Print(String),
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen for HTTP.
    pub address: Address,
    /// The path of the metrics, with its slash.
    pub path: String,
    /// The socket of the server's `mi_datagram`.
    pub socket: PathBuf,
    /// What the server speaks, `None` to find out.
    pub dialect: Option<Dialect>,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// The directory that reply sockets are bound in, `None` for abstract addresses.
    pub reply_dir: Option<PathBuf>,
    /// The least level that is logged.
    pub log_level: LevelFilter,
    /// How a line of the log is written.
    pub log_format: Format,
}

/// A TCP address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address without brackets, `None` for all addresses of this machine.
    pub host: Option<String>,
    /// The port, 0 for any that is free.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            None => write!(f, ":{}", self.port),
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "use HOST:PORT, [IPV6]:PORT or :PORT, such as 127.0.0.1:9434".to_string();
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(inside) => inside.filter(|host| !host.is_empty()).ok_or_else(wrong)?,
            None => host,
        };
        if host.contains(['[', ']', '/']) || (host.contains(':') && !text.starts_with('[')) {
            return Err(wrong());
        }
        Ok(Address {
            host: (!host.is_empty()).then(|| host.to_string()),
            port: port.parse().map_err(|_| wrong())?,
        })
    }
}

/// One flag: what it is called, what it is for, and what it does.
pub struct Flag {
    /// Its names, with two dashes. The environment variables follow from them.
    names: &'static [&'static str],
    /// A word for its value in the help.
    value: &'static str,
    /// What it is for.
    help: &'static str,
    /// What it is when nobody sets it. Empty: not set.
    default: &'static str,
    /// Puts a value into the settings, or says what would be right.
    set: fn(&mut Config, &str) -> Result<(), String>,
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
        value: "FILE",
        help: "The unix datagram socket of OpenSIPS: the socket_name of its mi_datagram module.",
        default: "/var/run/ser-fg/ser.sock",
        set: |config, value| {
            // sockaddr_un has room for 108, the last one is NUL.
            if value.len() > 107 {
                return Err("use a path of at most 107 bytes".to_string());
            }
            config.socket = PathBuf::from(value);
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
struct Switch {
    names: &'static [&'static str],
    help: &'static str,
    print: fn() -> String,
}

const SWITCHES: &[Switch] = &[
    Switch {
        names: &["--help", "-h"],
        help: "Print this and end.",
        print: help,
    },
    Switch {
        names: &["--version"],
        help: "Print the version and end.",
        print: version,
    },
];

/// What the command line `arguments` (without the program's name) and the environment ask for.
///
/// # Errors
///
/// One line that says what is wrong and what would be right.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Command, String> {
    let arguments = arguments.into_iter().flat_map(in_words).collect();
    let mut arguments = pico_args::Arguments::from_vec(arguments);
    for switch in SWITCHES {
        if switch.names.iter().any(|name| arguments.contains(*name)) {
            return Ok(Command::Print((switch.print)()));
        }
    }
    let mut config = Config {
        address: Address {
            host: None,
            port: 0,
        },
        path: String::new(),
        socket: PathBuf::new(),
        dialect: None,
        timeout: Duration::ZERO,
        reply_dir: None,
        log_level: LevelFilter::Off,
        log_format: Format::Logfmt,
    };
    let mut settings = Vec::new();
    for flag in FLAGS {
        let given = on_command_line(flag, &mut arguments)?;
        settings.push((flag, given));
    }
    if let Some(unknown) = arguments.finish().first() {
        return Err(unexpected(&unknown.to_string_lossy()));
    }
    for (flag, given) in settings {
        let given = match given {
            Some(given) => Some(given),
            None => in_environment(flag, &environment)?,
        };
        if let Some((name, value)) = given {
            (flag.set)(&mut config, &value).map_err(|right| {
                format!("{name}: {} is not possible: {right}", value.escape_debug())
            })?;
        } else if !flag.default.is_empty() {
            (flag.set)(&mut config, flag.default)
                .map_err(|right| format!("the default of {}: {right}", flag.names.join(", ")))?;
        }
    }
    Ok(Command::Run(config))
}

/// The value of `flag` among the arguments, and the name that it was given under.
fn on_command_line(
    flag: &Flag,
    arguments: &mut pico_args::Arguments,
) -> Result<Option<(String, String)>, String> {
    let mut given = None;
    for &name in flag.names {
        while let Some(value) =
            arguments
                .opt_value_from_str::<_, String>(name)
                .map_err(|error| match error {
                    pico_args::Error::OptionWithoutAValue(_) => {
                        format!("{name} has no value: use {name} {}", flag.value)
                    }
                    _ => format!("{name}: the value is not UTF-8: use {name} {}", flag.value),
                })?
        {
            if value.is_empty() || is_name(&value) {
                return Err(format!("{name} has no value: use {name} {}", flag.value));
            }
            if let Some((earlier, _)) = given.replace((name.to_string(), value)) {
                return Err(if earlier == name {
                    format!("{name} is given twice: use it once")
                } else {
                    format!("{earlier} and {name} are the same setting: use one of them")
                });
            }
        }
    }
    Ok(given)
}

/// The value of `flag` in the environment, and the variable that holds it. An empty variable counts
/// as not set, since that is how unit files and containers leave things out.
fn in_environment(
    flag: &Flag,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<(String, String)>, String> {
    let mut given: Option<(String, String)> = None;
    for variable in flag.names.iter().map(|name| variable(name)) {
        let Some(value) = environment(&variable).filter(|value| !value.is_empty()) else {
            continue;
        };
        let value = value
            .into_string()
            .map_err(|_| format!("{variable}: the value is not UTF-8: use {}", flag.value))?;
        if let Some((earlier, _)) = given.replace((variable.clone(), value)) {
            return Err(format!(
                "{earlier} and {variable} are the same setting: use one of them"
            ));
        }
    }
    Ok(given)
}

/// The environment variable of a flag: `--log.level` is `OPENSIPS_EXPORTER_LOG_LEVEL`.
fn variable(name: &str) -> String {
    let name = name.trim_start_matches('-').replace(['.', '-'], "_");
    format!("OPENSIPS_EXPORTER_{}", name.to_ascii_uppercase())
}

fn names() -> impl Iterator<Item = &'static str> {
    let of_flags = FLAGS.iter().flat_map(|flag| flag.names);
    let of_switches = SWITCHES.iter().flat_map(|switch| switch.names);
    of_flags.chain(of_switches).copied()
}

fn is_name(text: &str) -> bool {
    names().any(|name| name == text)
}

/// `-addr=x` becomes `--addr` and `x`, if that is a flag; everything else stays as it is.
fn in_words(argument: OsString) -> Vec<OsString> {
    let bytes = argument.as_bytes();
    if !bytes.starts_with(b"-") {
        return vec![argument];
    }
    let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) => (bytes.get(..at), bytes.get(at + 1..)),
        None => (Some(bytes), None),
    };
    let dashes = if bytes.starts_with(b"--") { "" } else { "-" };
    let name = format!(
        "{dashes}{}",
        String::from_utf8_lossy(name.unwrap_or_default())
    );
    if !is_name(&name) {
        return vec![argument];
    }
    let value = value.map(|value| OsString::from_vec(value.to_vec()));
    std::iter::once(name.into()).chain(value).collect()
}

fn unexpected(argument: &str) -> String {
    let shown = argument.escape_debug();
    if argument.starts_with('-') {
        let known: Vec<&str> = names().collect();
        format!("unknown flag {shown}: the flags are {}", known.join(", "))
    } else {
        format!("unexpected argument {shown}: put a flag before it, such as --socket")
    }
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

fn version() -> String {
    format!("opensips_exporter {VERSION} (revision {REVISION})\n")
}

/// The text of `--help`.
pub fn help() -> String {
    let mut help = String::from(
        "opensips_exporter: statistics of OpenSIPS for Prometheus\n\
         \n\
         Usage: opensips_exporter [--FLAG VALUE]...\n\
         \n\
         One dash does as well as two, and = as well as a space. What is not given on the\n\
         command line is taken from the environment variable in brackets, if that is set.\n",
    );
    for flag in FLAGS {
        let names: Vec<String> = flag
            .names
            .iter()
            .map(|name| format!("{name} {}", flag.value))
            .collect();
        let variables: Vec<String> = flag.names.iter().map(|name| variable(name)).collect();
        let mut text = flag.help.to_string();
        // A write to a String cannot fail.
        if !flag.default.is_empty() {
            let _ = write!(text, " Default: {}", flag.default);
        }
        let _ = write!(text, " [{}]", variables.join(", "));
        describe(&mut help, &names.join(", "), &text);
    }
    for switch in SWITCHES {
        describe(&mut help, &switch.names.join(", "), switch.help);
    }
    help
}

/// Adds a heading and a text of at most 80 columns.
fn describe(help: &mut String, heading: &str, text: &str) {
    const INDENT: &str = "        ";
    let _ = writeln!(help, "\n  {heading}");
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && INDENT.len() + line.len() + 1 + word.len() > 80 {
            let _ = writeln!(help, "{INDENT}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(help, "{INDENT}{line}");
}
