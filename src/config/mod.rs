//! The settings, and what the command line and the environment make of them by the table in
//! `flags`.
//!
//! Each flag may be written with one dash or two, its value behind a space or `=`. Nothing here
//! knows sockets.

pub mod advice;
mod commands;
mod flags;
mod manual;
mod printed;

use std::env::consts::{ARCH, OS};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;

use crate::gate::address::Address;
use crate::logging::Format;
use crate::mi::{Dialect, Login, Places};
use crate::selection::Scope;
use crate::telemetry::{REVISION, VERSION};
use commands::COMMANDS;
use flags::{FLAGS, Flag, Printed, SWITCHES, VARIABLES, variable};
pub use flags::{HEALTHY_PATH, READY_PATH};
pub use manual::help;
pub use printed::{ASSETS, Asset, Content};

/// What the operator asked for.
#[derive(Debug, Clone)]
pub enum Command {
    /// Serve scrapes until a signal ends the process.
    Run(Box<Config>),
    /// Ask once and tell what the server answers.
    Check(Box<Config>),
    /// Ask once and print the page.
    Dump(Box<Config>),
    /// Print this and end.
    Print(String),
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen for HTTP.
    pub addresses: Vec<Address>,
    /// Whether to listen on the sockets that systemd passes instead.
    pub takes_sockets: bool,
    /// The path of the metrics, with its slash.
    pub path: String,
    /// Where the server listens.
    pub socket: Places,
    /// Whether the server is asked at `http_address` instead.
    pub asks_by_http: bool,
    /// Where the server's `mi_http` listens.
    pub http_address: Places,
    /// The password for `mi_http`, and the user if none is in the URL.
    pub http_login: Login,
    /// What the server speaks, `None` to find out.
    pub dialect: Option<Dialect>,
    /// The groups that may be collected.
    pub scope: Scope,
    /// The dialog profiles whose size is asked for.
    pub dialog_profiles: Vec<String>,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// The directory for replies, `None` for /tmp (FIFO) and abstract addresses (socket).
    pub reply_dir: Option<PathBuf>,
    /// The least level that is logged.
    pub log_level: LevelFilter,
    /// How a line of the log is written.
    pub log_format: Format,
    /// What was set and has no effect, a line each.
    pub ignored: Vec<String>,
}

impl Config {
    /// Where the server is asked.
    pub fn places(&self) -> Places {
        if self.asks_by_http { self.http_address.clone() } else { self.socket.clone() }
    }
}

/// What the command line `arguments` (without the program's name) and the variables of the
/// environment ask for.
///
/// # Errors
///
/// One line that says what is wrong and what would be right.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Command, String> {
    let environment = own_variables(environment);
    let mut words: Vec<OsString> = arguments.into_iter().flat_map(in_words).collect();
    if let Some(word @ ("help" | "version")) = words.first().and_then(|word| word.to_str()) {
        words = vec![format!("--{word}").into()];
    }
    let mut commands = COMMANDS.iter();
    let command = commands.find(|command| words.first().is_some_and(|word| word == command.name));
    if command.is_some() {
        words.remove(0);
    }
    let mut arguments = pico_args::Arguments::from_vec(words);
    for switch in SWITCHES {
        if switch.names.iter().any(|name| arguments.contains(*name)) {
            return Ok(Command::Print(match switch.prints {
                Printed::Help => help(),
                Printed::Version => {
                    let libc = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
                    format!(
                        "opensips_exporter {VERSION} (revision {REVISION}, {ARCH}-{OS}-{libc})\n"
                    )
                }
            }));
        }
    }
    let make = match command.map(|command| command.make) {
        Some(None) => return print(&arguments.finish()).map(Command::Print),
        Some(Some(make)) => make,
        None => Command::Run,
    };
    let mut config = Config {
        addresses: Vec::new(),
        takes_sockets: false,
        path: String::new(),
        socket: Places::Usual,
        asks_by_http: false,
        http_address: Places::Usual,
        http_login: Login::default(),
        dialect: None,
        scope: Scope::default(),
        dialog_profiles: Vec::new(),
        timeout: Duration::ZERO,
        reply_dir: None,
        log_level: LevelFilter::Off,
        log_format: Format::Logfmt,
        ignored: Vec::new(),
    };
    let mut settings = Vec::new();
    for flag in FLAGS {
        let given = on_command_line(flag, &mut arguments)?;
        settings.push((flag, given));
    }
    if let Some(unknown) = arguments.finish().first() {
        return Err(unexpected(&unknown.to_string_lossy()));
    }
    let mut chosen = Vec::new();
    for (flag, given) in settings {
        let given = match given {
            Some(given) => Some(given),
            None => in_environment(flag, &environment)?,
        };
        if let Some((name, value)) = given {
            let set = if is_quoted(&value) {
                Err("leave out the quotes around it".to_string())
            } else {
                (flag.set)(&mut config, &value)
            };
            set.map_err(|right| format!("{name}: {} is not possible: {right}", shown(&value)))?;
            chosen.push(name);
        } else if !flag.default.is_empty() {
            (flag.set)(&mut config, flag.default)
                .map_err(|right| format!("the default of {}: {right}", flag.names.join(", ")))?;
        }
    }
    let Scope { only, .. } = &config.scope;
    if !only.is_empty() && !only.iter().any(|group| config.scope.allows(group.as_bytes())) {
        return Err("--collect and --exclude leave no group to collect".to_string());
    }
    config.ignored = ignored(&config, &chosen, &environment);
    Ok(make(Box::new(config)))
}

/// The variables that are for this program.
fn own_variables(all: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<(String, OsString)> {
    let all = all.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    all.filter(|(name, value)| name.starts_with(VARIABLES) && !value.is_empty()).collect()
}

/// What was set and has no effect. The settings `chosen` are not those by default.
fn ignored(config: &Config, chosen: &[String], environment: &[(String, OsString)]) -> Vec<String> {
    let is_chosen = |flag: &str| chosen.iter().any(|name| *name == flag || *name == variable(flag));
    let mut ignored = Vec::new();
    let asks_http = config.places().has_http();
    for (flag, is_used, right) in [
        (
            "--http_password_file",
            asks_http,
            "it is for mi_http, set --socket to an http:// address",
        ),
        ("--http_address", config.asks_by_http, "add --protocol mi_http"),
        ("--socket", !config.asks_by_http, "leave out --protocol mi_http, or name it there"),
        ("--addr", !config.takes_sockets, "leave out --web.systemd-socket, or name it there"),
    ] {
        if is_chosen(flag) && !is_used {
            ignored.push(format!("{flag} has no effect: {right}"));
        }
    }
    let known: Vec<String> =
        FLAGS.iter().flat_map(|flag| flag.names).map(|n| variable(n)).collect();
    for (name, _) in environment.iter().filter(|(name, _)| !known.contains(name)) {
        let alike = alike(name, known.iter().map(String::as_str));
        // Kubernetes sets others, such as OPENSIPS_EXPORTER_PORT, for a service of this name.
        if !alike.is_empty() {
            ignored.push(format!("the variable {name} is unknown{alike}"));
        }
    }
    ignored
}

/// Whether `text` still has the quotes of a shell or of an environment file around it.
fn is_quoted(text: &str) -> bool {
    let inside = |quote| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('"').or(inside('\'')).is_some()
}

/// The file that `print` was asked for by `names`.
///
/// # Errors
///
/// Which names there are.
fn print(names: &[OsString]) -> Result<String, String> {
    let found = match names {
        [name] => ASSETS.iter().find(|asset| name == asset.name),
        _ => None,
    };
    let known = || ASSETS.iter().map(|asset| asset.name).collect::<Vec<_>>();
    let found = found.ok_or_else(|| format!("print: use one of {}", known().join(", ")))?;
    Ok(found.text())
}

impl Asset {
    /// What is in the file.
    pub fn text(&self) -> String {
        match self.content {
            Content::Text(text) => text.to_string(),
            Content::Made(make) => make(),
            Content::Completions => manual::bash_completions(),
            Content::ManPage => manual::man_page(),
        }
    }
}

/// The value of `flag` among the arguments, and the name that it was given under.
fn on_command_line(
    flag: &Flag,
    arguments: &mut pico_args::Arguments,
) -> Result<Option<(String, String)>, String> {
    let mut given = None;
    for &name in flag.names {
        while let Some(value) =
            arguments.opt_value_from_str::<_, String>(name).map_err(|error| match error {
                pico_args::Error::OptionWithoutAValue(_) => {
                    format!("{name} has no value: use {name} {}", flag.value)
                }
                _ => format!("{name}: the value is not UTF-8: use {name} {}", flag.value),
            })?
        {
            if value.is_empty() || is_name(&value) {
                return Err(format!("{name} has no value: use {name} {}", flag.value));
            }
            let Some((earlier, before)) = given.replace((name.to_string(), value)) else {
                continue;
            };
            if let (true, Some((_, value))) = (flag.is_list, &mut given) {
                *value = format!("{before},{value}");
            } else {
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
    environment: &[(String, OsString)],
) -> Result<Option<(String, String)>, String> {
    let mut given: Option<(String, String)> = None;
    for variable in flag.names.iter().map(|name| variable(name)) {
        let Some((_, value)) = environment.iter().find(|(name, _)| *name == variable) else {
            continue;
        };
        let value = value
            .clone()
            .into_string()
            .map_err(|_| format!("{variable}: the value is not UTF-8: use {}", flag.value))?;
        if let Some((earlier, _)) = given.replace((variable.clone(), value)) {
            return Err(format!("{earlier} and {variable} are the same setting: use one of them"));
        }
    }
    Ok(given)
}

fn names() -> impl Iterator<Item = &'static str> {
    let of_flags = FLAGS.iter().flat_map(|flag| flag.names);
    let of_switches = SWITCHES.iter().flat_map(|switch| switch.names);
    of_flags.chain(of_switches).copied()
}

fn is_name(text: &str) -> bool {
    names().any(|name| name == text)
}

/// `-addr=x` becomes `--addr` and `x`, if that is a flag, and a switch alone the same with `true`;
/// everything else stays as it is.
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
    let name = format!("{dashes}{}", String::from_utf8_lossy(name.unwrap_or_default()));
    if !is_name(&name) {
        return vec![argument];
    }
    let is_switch = |flag: &Flag| flag.value.is_empty() && flag.names.contains(&name.as_str());
    let value = value.or(FLAGS.iter().any(is_switch).then_some(b"true"));
    let value = value.map(|value| OsString::from_vec(value.to_vec()));
    std::iter::once(name.into()).chain(value).collect()
}

/// `text` as a message shows it: without the user and the password in a URL.
fn shown(text: &str) -> String {
    let text = text.rsplit_once('@').map_or(text.to_string(), |(login, host)| {
        let scheme = login.find("://").and_then(|end| login.get(..end + 3));
        format!("{}...@{host}", scheme.unwrap_or_default())
    });
    text.escape_debug().to_string()
}

fn unexpected(argument: &str) -> String {
    let shown = shown(argument);
    if argument.starts_with('-') {
        let known: Vec<&str> = names().collect();
        let name = argument.split('=').next().unwrap_or_default().trim_start_matches('-');
        match alike(&format!("--{name}"), names()).as_str() {
            "" => format!("unknown flag {shown}: the flags are {}", known.join(", ")),
            alike => format!("unknown flag {shown}{alike}"),
        }
    } else {
        let commands = COMMANDS.iter().map(|command| command.name);
        let alike = alike(argument, commands.clone());
        let known: Vec<&str> = commands.collect();
        format!(
            "unexpected argument {shown}{alike}: the commands are {}, all else begins with a flag \
             such as --socket",
            known.join(", ")
        )
    }
}

/// `, did you mean NAME?` with the one of the `known` names that is nearest to `name`, if that is
/// near.
fn alike<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let nearest = known.map(|known| (distance(name, known), known)).min();
    match nearest {
        Some((distance, nearest)) if distance <= 2 => format!(", did you mean {nearest}?"),
        _ => String::new(),
    }
}

/// How many characters have to be added, left out or changed to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, byte) in one.bytes().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, against) in row.iter_mut().skip(1).zip(other.bytes()) {
            let changed = diagonal + usize::from(byte != against);
            diagonal = *cell;
            left = changed.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}
