//! What the integration tests share: the real binary as a process, a client, a stand-in server.

// Each test binary uses its own part of this.
#![allow(dead_code)]

pub mod attack;
pub mod fifo;
pub mod many_processes;
pub mod modules;
pub mod network;
pub mod page;
pub mod stand_in;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use stand_in::{StandIn, Statistic, V2_4, Version, read_captured};

/// How long a test waits for what should come at once, or after the first pause of 15 s.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A directory of this test alone, removed with all that is in it.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "ose-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a temporary directory");
        TempDir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of the files in it.
    pub fn files(&self) -> Vec<String> {
        fs::read_dir(&self.0)
            .expect("the directory")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The binary under test: another one than Cargo built if TESTED_BINARY names one.
pub fn binary_path() -> PathBuf {
    let built = env!("CARGO_BIN_EXE_opensips_exporter").into();
    std::env::var_os("TESTED_BINARY").unwrap_or(built).into()
}

/// Copies `program` to `path`, where everybody can start it. By another process: one that another
/// test starts meanwhile would hold the copy open for writing, and no such file can be started.
pub fn copy_program(program: &Path, path: &Path) {
    let copied = Command::new("cp").args([program, path]).status();
    assert!(copied.expect("cp").success());
}

/// The binary under test, not started yet, with an environment that sets none of its flags.
pub fn binary() -> Command {
    command(&[], &binary_path())
}

/// What the binary under test runs under, if anything: TESTED_UNDER names it.
pub fn emulator() -> Option<OsString> {
    std::env::var_os("TESTED_UNDER")
}

/// The program at `path`, not started yet, by way of `wrapper`, a command that starts another one.
/// It runs under the emulator, if there is one.
pub fn command(wrapper: &[&str], path: &Path) -> Command {
    let words = wrapper.iter().map(OsString::from);
    let mut words = words.chain(emulator()).chain([path.into()]);
    let mut command = Command::new(words.next().expect("the path"));
    command.args(words).env_clear().stdin(Stdio::null());
    command
}

/// A running exporter. It is killed when the test ends.
pub struct Exporter {
    child: Child,
    pub address: SocketAddr,
    /// Its standard error: a file, in which a line stands as soon as it is written.
    log: File,
}

impl Exporter {
    /// Starts the binary on a free port of the loopback address.
    pub fn start(socket: &Path, arguments: &[&str]) -> Self {
        let mut command = binary();
        command
            .args(["--addr", "127.0.0.1:0", "--socket"])
            .arg(socket)
            .args(arguments);
        Exporter::run(command)
    }

    /// Starts what `command` says and waits until it listens.
    pub fn run(mut command: Command) -> Self {
        let directory = TempDir::new();
        let path = directory.join("log");
        let stderr = File::options().create_new(true).append(true).open(&path);
        let stderr = stderr.expect("a file for the log");
        let mut exporter = Exporter {
            child: command.stderr(stderr).spawn().expect("the binary starts"),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            log: File::open(path).expect("the log"),
        };
        let line = exporter.wait_for_log("serves http://");
        let address = line
            .split("serves http://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        exporter.address = address
            .and_then(|text| text.parse().ok())
            .expect("its address");
        if exporter.address.ip().is_unspecified() {
            exporter.address.set_ip([127, 0, 0, 1].into());
        }
        exporter
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The lines of the log so far.
    pub fn log(&self) -> Vec<String> {
        let mut log = vec![0; self.log.metadata().expect("the log").len() as usize];
        self.log.read_exact_at(&mut log, 0).expect("the log");
        String::from_utf8_lossy(&log)
            .lines()
            .map(str::to_string)
            .collect()
    }

    /// The lines of the log so far that hold `text`.
    pub fn logged(&self, text: &str) -> Vec<String> {
        self.log()
            .into_iter()
            .filter(|line| line.contains(text))
            .collect()
    }

    /// The first line of the log that holds `text`, now or later.
    pub fn wait_for_log(&self, text: &str) -> String {
        let line = eventually(|| self.logged(text).into_iter().next());
        line.unwrap_or_else(|| panic!("no line with {text:?} in {:#?}", self.log()))
    }

    pub fn get(&self, target: &str) -> Response {
        self.send(&format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
    }

    /// The metrics page, which must be a valid one.
    pub fn scrape(&self) -> page::Page {
        self.scrape_with("/metrics")
    }

    pub fn scrape_with(&self, target: &str) -> page::Page {
        self.get(target).page()
    }

    /// A scrape that has no more than this time, as Prometheus announces it.
    pub fn scrape_within(&self, time: Duration) -> page::Page {
        self.get_within("/metrics", time).page()
    }

    /// What is at `target` for somebody who waits no longer than for this time and the way back.
    pub fn get_within(&self, target: &str, time: Duration) -> Response {
        // Half of what is announced is kept for the way back, but no more than half a second.
        let announced = time + time.min(Duration::from_millis(500));
        self.send(&format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             X-Prometheus-Scrape-Timeout-Seconds: {}\r\n\r\n",
            announced.as_secs_f64()
        ))
    }

    /// Sends a whole request that asks for the connection to be closed, and reads the answer.
    pub fn send(&self, request: &str) -> Response {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(request.as_bytes())
            .expect("the request is taken");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the answer ends");
        Response::parse(&answer)
    }

    /// Sends a signal by its name.
    pub fn signal(&self, signal: &str) {
        send_signal(&self.child, signal);
    }

    /// Sends a signal by its name and waits for the end of the process.
    pub fn end(&mut self, signal: &str) -> ExitStatus {
        end(&mut self.child, signal)
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// How many descriptors the process has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .expect("its descriptors")
            .count()
    }

    /// The names of the threads of the process.
    pub fn threads(&self) -> Vec<String> {
        fs::read_dir(format!("/proc/{}/task", self.pid()))
            .expect("its threads")
            .flatten()
            .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
            .collect()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Response {
    fn parse(answer: &[u8]) -> Self {
        Response::read(answer).unwrap_or_else(|| panic!("no answer: {}", answer.escape_ascii()))
    }

    /// The answer in these bytes, whose end is that of its body.
    pub fn read(answer: &[u8]) -> Option<Self> {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = str::from_utf8(&answer[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.split(' ').next()?;
        Some(Response {
            status: status.parse().ok()?,
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_string()))
                .collect(),
            body: answer[end + 4..].to_vec(),
        })
    }

    /// All answers in these bytes, one behind the other.
    pub fn read_all(mut bytes: &[u8]) -> Vec<Self> {
        let mut answers = Vec::new();
        while let Some(mut answer) = Response::read(bytes) {
            let length: usize = answer.headers["content-length"].parse().expect("a length");
            let rest = answer.body.get(length..).expect("a whole body").len();
            answer.body.truncate(length);
            bytes = &bytes[bytes.len() - rest..];
            answers.push(answer);
        }
        assert_eq!(
            bytes.escape_ascii().to_string(),
            "",
            "behind the last answer"
        );
        answers
    }

    /// The metrics page, which must be a valid one.
    pub fn page(&self) -> page::Page {
        assert_eq!(self.status, 200, "{}", self.text());
        page::Page::read(&self.body).unwrap_or_else(|error| panic!("{error}\n{}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Waits until `condition` holds.
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let holds = eventually(|| condition().then_some(()));
    assert!(holds.is_some(), "waited in vain: {what}");
}

/// What `attempt` finds, now or later, if not too late.
fn eventually<T>(attempt: impl Fn() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = attempt();
        if found.is_some() || Instant::now() > end {
            return found;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A file below `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Compares `actual` with the file at `path`, or writes the file when `BLESS` is set.
pub fn compare_or_bless(path: &Path, actual: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, actual).expect("the file is written");
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    let differences: Vec<String> = diff(&expected, actual);
    assert!(
        differences.is_empty(),
        "{} differs (`make bless` rewrites it):\n{}",
        path.display(),
        differences.join("\n")
    );
}

fn diff(expected: &str, actual: &str) -> Vec<String> {
    if expected == actual {
        return Vec::new();
    }
    let expected: Vec<&str> = expected.split('\n').collect();
    let actual: Vec<&str> = actual.split('\n').collect();
    let start = std::iter::zip(&expected, &actual)
        .take_while(|(a, b)| a == b)
        .count();
    let excerpt = |sign: char, lines: &[&str]| -> Vec<String> {
        lines
            .iter()
            .skip(start)
            .take(10)
            .map(|line| format!("{sign}{line}"))
            .collect()
    };
    let mut lines = vec![format!("@ line {}", start + 1)];
    lines.extend(excerpt('-', &expected));
    lines.extend(excerpt('+', &actual));
    lines
}

/// What a 2.4 answered when it was asked for everything.
pub fn captured() -> Vec<u8> {
    fs::read(fixture("2.4/get_statistics_all.reply")).expect("the capture")
}

/// A scrape that must show a server that is down, and nothing of it.
pub fn assert_down(exporter: &Exporter) {
    assert_is_down(&exporter.scrape());
}

/// The page of a scrape that met a server that is down.
pub fn assert_is_down(page: &page::Page) {
    assert_eq!(page.up(), "0");
    assert_eq!(page.of_server(), Vec::<&str>::new());
    assert!(page.family("opensips_info").is_none());
    assert!(page.family("opensips_process_info").is_none());
    assert!(page.family("opensips_scrape_duration_seconds").is_some());
    assert!(page.family("opensips_exporter_unparsed_lines").is_some());
    assert!(page.family("opensips_exporter_build_info").is_some());
    assert!(page.family("process_resident_memory_bytes").is_some());
}

/// A scrape that must show the server of [`captured`].
pub fn assert_up(exporter: &Exporter) {
    let page = exporter.scrape();
    assert_eq!(page.up(), "1", "{:#?}", exporter.log());
    assert_eq!(page.value("opensips_core_requests_total", &[]), Some("370"));
}

/// A stand-in with the statistics of [`captured`], and an exporter that asks it. The directory is
/// that of their socket `mi.sock`.
pub fn server_and_exporter(arguments: &[&str]) -> (TempDir, StandIn, Exporter) {
    server_with(V2_4, read_captured(&captured()), arguments)
}

/// The same with these statistics.
pub fn server_with(
    version: Version,
    statistics: Vec<Statistic>,
    arguments: &[&str],
) -> (TempDir, StandIn, Exporter) {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::with_statistics(&socket, version, statistics);
    let exporter = Exporter::start(&socket, arguments);
    (directory, server, exporter)
}

/// Sends `signal` to `child`, and returns how that ends.
pub fn end(child: &mut Child, signal: &str) -> ExitStatus {
    send_signal(child, signal);
    child.wait().expect("it ends")
}

fn send_signal(child: &Child, signal: &str) {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {}", child.id())])
        .status();
    assert!(sent.expect("a shell").success());
}
