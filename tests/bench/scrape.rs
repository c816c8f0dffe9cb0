//! A scrape end to end, over real sockets, beside a null exporter: the same gate, threads, HTTP and
//! datagrams, and a constant page of the same length.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::inputs::statistics;
use crate::support::TempDir;
use crate::support::stand_in::{V2_4, answer};

/// How many scrapes each figure is of.
const SCRAPES: usize = 4000;

/// The statistics of the server.
const STATISTICS: usize = 288;

/// A program under measurement. It is killed in the end.
pub struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    /// Starts it and waits until it says where it serves.
    pub fn start(command: &mut Command) -> Program {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, receiver) = std::sync::mpsc::channel();
        let stdout = child.stdout.take().expect("its output");
        let stderr = child.stderr.take().expect("its log");
        let outputs: [Box<dyn Read + Send>; 2] = [Box::new(stdout), Box::new(stderr)];
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let address = line.split("serves http://").nth(1);
                    let address = address.and_then(|rest| rest.split('/').next()?.parse().ok());
                    let _ = address.map(|address| sender.send(address));
                }
            });
        }
        let address = receiver.recv_timeout(Duration::from_secs(20));
        Program {
            address: address.expect("its address"),
            child,
        }
    }

    /// A new connection to it.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream
    }

    /// User and system time that its threads used so far, as the scheduler counts it (proc(5),
    /// schedstat). Few of them end while there is work, and what those used is a small part.
    fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let times = tasks.expect("proc").flatten().filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(times.sum())
    }

    /// Which part of the time that it used so far was spent by the kernel (proc(5), stat). In
    /// ticks, which is exact enough for a second and more.
    fn system_part(&self, since: (u64, u64)) -> f64 {
        let (user, system) = self.ticks();
        let (user, system) = (user - since.0, system - since.1);
        system as f64 / (user + system).max(1) as f64
    }

    /// Ticks of user and of system time.
    fn ticks(&self) -> (u64, u64) {
        let stat = self.proc("stat");
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = fields.split_whitespace().skip(11);
        let mut next = || fields.next()?.parse().ok();
        (next().unwrap_or_default(), next().unwrap_or_default())
    }

    /// A file of proc(5) of it.
    pub fn proc(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("proc")
    }

    /// How many there are in a directory of proc(5) of it.
    pub fn count(&self, name: &str) -> usize {
        let entries = std::fs::read_dir(format!("/proc/{}/{name}", self.child.id()));
        entries.expect("proc").count()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that answers at once: each reply is made once. The thread ends with the process.
pub fn serve(path: &Path) {
    let socket = UnixDatagram::bind(path).expect("a socket");
    thread::spawn(move || {
        let answers = UnixDatagram::unbound().expect("a second socket");
        let statistics = statistics(STATISTICS);
        let mut replies: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        let mut buffer = vec![0; 70_000];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let request = buffer[..length].to_vec();
            let reply = replies
                .entry(request)
                .or_insert_with_key(|request| answer(request, V2_4, &statistics).expect("a reply"));
            let _ = answers.send_to_addr(reply, &client);
        }
    });
}

/// Gets one page on a connection, and returns its length.
pub fn get(stream: &mut TcpStream, is_kept: bool) -> usize {
    let connection = if is_kept { "keep-alive" } else { "close" };
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n"
    )
    .expect("the request is taken");
    let mut answer = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        let count = stream.read(&mut buffer).expect("an answer");
        assert!(count > 0, "a whole answer");
        answer.extend_from_slice(&buffer[..count]);
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&answer[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok())
                .expect("a length");
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            if answer.len() >= end + 4 + length {
                return length;
            }
        }
    }
}

/// Requests per second, CPU time of each, and the part of it that is the kernel's.
fn load(program: &Program, clients: usize, is_kept: bool) -> (f64, Duration, f64) {
    let cpu = program.cpu();
    let ticks = program.ticks();
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut stream = program.connect();
                for _ in 0..SCRAPES / clients {
                    if !is_kept {
                        stream = program.connect();
                    }
                    get(&mut stream, is_kept);
                }
            });
        }
    });
    let per_second = SCRAPES as f64 / began.elapsed().as_secs_f64();
    let cpu = program.cpu() - cpu;
    (per_second, cpu / SCRAPES as u32, program.system_part(ticks))
}

/// Prints the figures for `exporter` and `null`, two programs.
pub fn run(exporter: &Path, null: &Path) {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    serve(&socket);
    let exporter = Program::start(
        Command::new(exporter)
            .env_clear()
            .args(["--addr=127.0.0.1:0", "--socket"])
            .arg(&socket),
    );
    let mut stream = exporter.connect();
    get(&mut stream, true);
    let length = get(&mut stream, false);
    let page = directory.join("page");
    std::fs::write(&page, vec![b'#'; length]).expect("a page");
    let null = Program::start(Command::new(null).env_clear().arg(&socket).arg(&page));

    println!(
        "\nA scrape of {STATISTICS} statistics end to end, a page of {:.1} KiB, CPU of the process by its own accounting:",
        length as f64 / 1024.0
    );
    println!(
        "{:<14} {:>6} {:>7} {:>8} {:>10} {:>11} {:>8} {:>12} {:>8} {:>6}",
        "connections",
        "per s",
        "CPU us",
        "user us",
        "system us",
        "null per s",
        "null us",
        "null user us",
        "more us",
        "ratio"
    );
    for (clients, is_kept) in [(1, true), (1, false), (4, true), (4, false)] {
        let (per_second, cpu, system) = load(&exporter, clients, is_kept);
        let (null_per_second, null_cpu, null_system) = load(&null, clients, is_kept);
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        println!(
            "{:<14} {per_second:>6.0} {:>7.0} {:>8.0} {:>10.0} {null_per_second:>11.0} {:>8.0} {:>12.0} {:>8.0} {:>6.2}",
            format!("{clients} {}", if is_kept { "kept" } else { "new each" }),
            micros(cpu),
            micros(cpu) * (1.0 - system),
            micros(cpu) * system,
            micros(null_cpu),
            micros(null_cpu) * (1.0 - null_system),
            micros(cpu.saturating_sub(null_cpu)),
            micros(cpu) / micros(null_cpu),
        );
    }
}
