//! The order of start-up, and the exit codes: 0 for an end that was asked for, 1 for what the
//! machine refuses, 2 for a wrong command line.

use std::convert::Infallible;
use std::env;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread;

use log::LevelFilter;
use opensips_exporter::check;
use opensips_exporter::config::{self, Command, Config, advice};
use opensips_exporter::files::Files;
use opensips_exporter::gate::backend::BackendError;
use opensips_exporter::gate::listener;
use opensips_exporter::gate::refusal::Refusal;
use opensips_exporter::gate::{self, Rules};
use opensips_exporter::logging;
use opensips_exporter::mi::{Client, Endpoint, ReplyDirectory};
use opensips_exporter::modules::Modules;
use opensips_exporter::scrape::Scraper;
use opensips_exporter::selection::Selection;
use opensips_exporter::site::{self, Site};
use opensips_exporter::telemetry::{REVISION, Telemetry, VERSION};
use rustix::fs::Mode;
use rustix::process::umask;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

fn main() -> ExitCode {
    match config::parse(env::args_os().skip(1), env::vars_os()) {
        Ok(Command::Run(config)) => run(*config),
        Ok(Command::Check(config)) => ended(check(*config)),
        Ok(Command::Dump(config)) => ended(dump(*config)),
        Ok(Command::Print(text)) => exit_code(print(text.as_bytes())),
        Err(message) => {
            let _ = writeln!(io::stderr(), "opensips_exporter: {message}");
            ExitCode::from(2)
        }
    }
}

/// Prints `text`, and returns whether that worked.
fn print(text: &[u8]) -> bool {
    let mut output = io::stdout();
    match output.write_all(text).and_then(|()| output.flush()) {
        Ok(()) => true,
        // Whoever reads only the beginning closes the pipe.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => true,
        Err(error) => {
            let _ = writeln!(io::stderr(), "opensips_exporter: cannot write: {error}");
            false
        }
    }
}

fn exit_code(is_well: bool) -> ExitCode {
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The exit code after a signal, which is how serving ends, and 1 where it interrupts `check` or
/// `dump`.
const SERVED: i32 = 0;
const INTERRUPTED: i32 = 1;

/// Asks once and tells what is wrong. The log says nothing that the report does not.
fn check(config: Config) -> Result<bool, Box<dyn std::error::Error>> {
    let replies = replies(&config, &end_on(&[SIGTERM, SIGINT, SIGHUP], INTERRUPTED)?);
    let mut client = client(&config, replies, &telemetry()?);
    let modules = Modules::new(config.dialog_profiles);
    let mut report = check::check(&mut client, &modules, config.scope, config.timeout);
    report.problems.extend(config.ignored);
    Ok(print(report.to_string().as_bytes()) && report.is_well())
}

/// Prints one page, whatever the server does: `opensips_up` is on it. Returns whether that is 1.
fn dump(config: Config) -> Result<bool, Box<dyn std::error::Error>> {
    // That all is well is no news here.
    let level = match config.log_level {
        LevelFilter::Info => LevelFilter::Warn,
        level => level,
    };
    logging::start(level, config.log_format);
    let replies = replies(&config, &end_on(&[SIGTERM, SIGINT, SIGHUP], INTERRUPTED)?);
    let telemetry = telemetry()?.without_process();
    let client = client(&config, replies, &telemetry);
    let scraper = Scraper::new(client, telemetry, Modules::new(config.dialog_profiles));
    let page = scraper.scrape("", &Selection::of(config.scope), config.timeout);
    let is_up = scraper.last().is_some_and(|last| last.result.is_ok());
    Ok(print(&page) && is_up)
}

/// The exit code of what ended so, and a line if it failed.
fn ended<E: fmt::Display>(result: Result<bool, E>) -> ExitCode {
    exit_code(result.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "opensips_exporter: {error}");
        false
    }))
}

/// The directory for replies, whose files are noted in `files`.
fn replies(config: &Config, files: &Arc<Files>) -> ReplyDirectory {
    // Servers and clients may run as other users, who have to write to the sockets that are made
    // for them. The process makes no other files but FIFOs, whose mode it sets.
    umask(Mode::from_raw_mode(0o111));
    ReplyDirectory::new(config.reply_dir.clone(), Arc::clone(files))
}

fn client(config: &Config, replies: ReplyDirectory, telemetry: &Telemetry) -> Client {
    let endpoint = Endpoint::new(config.places(), replies, telemetry.forged_replies());
    Client::new(endpoint.with_login(config.http_login.clone()), config.dialect, config.timeout)
}

fn telemetry() -> prometheus::Result<Telemetry> {
    Telemetry::new(Refusal::ALL.iter().map(|refusal| refusal.label()))
}

fn run(config: Config) -> ExitCode {
    logging::start(config.log_level, config.log_format);
    panic::set_hook(Box::new(|panic| {
        // Threads without a name are those of tiny_http, and the gate tells what comes of their
        // end.
        let level = match thread::current().name() {
            Some(_) => log::Level::Error,
            None => log::Level::Debug,
        };
        log::log!(level, "please report this: {panic}");
    }));
    match start(config) {
        Ok(never) => match never {},
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn start(config: Config) -> Result<Infallible, Box<dyn std::error::Error>> {
    // Before anything else is opened.
    let passed = config.takes_sockets.then(listener::passed).transpose();
    let passed = passed.map_err(|error| advice::on_listen_error(&error))?;
    config.ignored.iter().for_each(|line| log::warn!("{line}"));
    // Daemons read their settings again on SIGHUP. There is nothing to read again.
    signal_hook::flag::register(SIGHUP, Arc::default())?;
    let files = end_on(&[SIGTERM, SIGINT], SERVED).map_err(BackendError::from)?;
    let replies = replies(&config, &files);
    replies.sweep();
    let result = serve(config, passed, &files, replies);
    files.close();
    result
}

/// Serves the `passed` sockets or those of the settings, whose files are noted in `files`.
fn serve(
    config: Config,
    passed: Option<Vec<OwnedFd>>,
    files: &Files,
    replies: ReplyDirectory,
) -> Result<Infallible, Box<dyn std::error::Error>> {
    let opened = || config.addresses.iter().map(|address| listener::listen(address, files));
    let listeners = passed.map_or_else(|| opened().collect(), Ok);
    let listeners = listeners.map_err(|error| advice::on_listen_error(&error))?;
    let places: Vec<_> =
        listeners.iter().map(|listener| listener::describe(listener, &config.path)).collect();

    let telemetry = telemetry()?;
    let client = client(&config, replies, &telemetry);
    let rejections = telemetry.rejections();
    let scraper = Scraper::new(client, telemetry, Modules::new(config.dialog_profiles));
    let endpoint = scraper.endpoint();
    let site = Arc::new(Site::new(scraper, config.path, config.timeout, config.scope));
    let asked = Arc::clone(&site);
    let rules = Rules {
        forwarded: site::HEADERS,
        is_slow: Box::new(move |target| asked.is_slow(target)),
        rejections,
    };
    let gate = gate::start(listeners, rules, move |request| site::respond(&site, request))
        .map_err(|error| format!("no connection can be served: {error}"))?;
    for place in places {
        log::info!(
            "opensips_exporter {VERSION} (revision {REVISION}) serves {place} and asks {endpoint}"
        );
    }
    Err(format!("no connection can be served: {}", gate.wait()).into())
}

/// Ends the process with `code` on `signals`, after the files were removed that are noted in what
/// this returns. As the first process of a container it would not end on them by itself. It says
/// nothing: a log that nobody reads would keep it from ending.
fn end_on(signals: &[i32], code: i32) -> io::Result<Arc<Files>> {
    let (mut receiver, sender) = UnixStream::pair()?;
    for signal in signals {
        signal_hook::low_level::pipe::register(*signal, sender.try_clone()?)?;
    }
    let files = Arc::new(Files::default());
    let made = Arc::clone(&files);
    thread::Builder::new().name("signals".to_string()).spawn(move || {
        if receiver.read_exact(&mut [0]).is_ok() {
            made.close();
            process::exit(code);
        }
    })?;
    Ok(files)
}
