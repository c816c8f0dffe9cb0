//! Attacks on the exporter while somebody else scrapes it: what a well-behaved client sees, and
//! what the process takes.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use opensips_exporter::gate::MAX_CONNECTIONS;
use opensips_exporter::gate::backend::{ALL_DESCRIPTORS, GROUP, MAX_STREAMS};
use rustix::net::{
    self, AddressFamily, SocketAddrAny, SocketAddrV4, SocketFlags, SocketType, sockopt,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Exporter, PATIENCE, emulator, page::Page, wait_until};

/// Scrapes during an attack of full size, and else.
const SCRAPES: (usize, usize) = (100, 20);

/// The least time from one to the next when an attack has its full size and is to outlive all
/// deadlines of the gate.
const INTERVAL: Duration = Duration::from_millis(60);

/// The time between a connection and the request on it, as over a network.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// What all scrapes but one may take during an attack of full size, and else: then the machine may
/// be busy with other work, and Prometheus still has the page in time.
const SCRAPE_TIME: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// How long an attack may go on, whatever happens.
const LONGEST: Duration = Duration::from_secs(120);

/// Threads at rest: that of main(), one for signals, one that waits for a connection, and for each
/// backend stream of the first group one of tiny_http and one that answers.
pub const THREADS_AT_REST: usize = 3 + 2 * GROUP;

/// Backend streams that come with need, and stay.
const MORE_STREAMS: usize = MAX_STREAMS - GROUP;

/// The same when there are all streams.
pub const THREADS_AFTERWARDS: usize = THREADS_AT_REST + 2 * MORE_STREAMS;

/// Threads while there are all connections, and those are not gone that tiny_http began with: for
/// each group one, and for each stream another one.
pub const MOST_THREADS: usize =
    THREADS_AFTERWARDS + MAX_CONNECTIONS + MAX_STREAMS / GROUP + MAX_STREAMS;

/// Their descriptors: for each its own and two of tiny_http.
const MORE_DESCRIPTORS: usize = 3 * MORE_STREAMS;

/// Threads that have ended and wait for their last turn on a busy machine.
const ENDING: usize = 16;

/// Memory that an attack may cost, in bytes. The allocator of glibc, which only tests use, takes
/// more and gives little back.
const MEMORY: u64 = if cfg!(target_env = "musl") {
    8 << 20
} else {
    16 << 20
};

/// Memory that may stay in use after an attack, in bytes: that of further streams, and what musl
/// keeps after many pages were made at once, no more after five attacks than after one.
const LEFT: u64 = if cfg!(target_env = "musl") {
    2 << 20
} else {
    MEMORY
};

/// How long it may take until all is as before.
const RECOVERY: Duration = Duration::from_secs(10);

/// A scrape that does not say how long it may take.
pub const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// Whether attacks have their full sizes.
pub fn is_full() -> bool {
    std::env::var_os("HOSTILE").is_some_and(|value| value == "full")
}

/// An attack that is under way.
pub struct Attack {
    pub address: SocketAddr,
    /// How often it is to do what it does.
    pub size: usize,
    began: Instant,
    is_over: AtomicBool,
    done: AtomicUsize,
    sources: AtomicUsize,
}

impl Attack {
    /// Counts one, and says whether to go on: until it was often enough and the scrapes are done.
    pub fn once_more(&self) -> bool {
        let done = self.done.fetch_add(1, Ordering::Relaxed);
        (done < self.size || !self.is_over.load(Ordering::Relaxed))
            && self.began.elapsed() < LONGEST
    }

    /// Whether the scrapes still go on.
    pub fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed) && self.began.elapsed() < LONGEST
    }

    /// A connection from one of many addresses of this machine, so that ports do not run out.
    /// `window` bytes is what it can receive.
    pub fn connect_with(&self, window: Option<usize>) -> io::Result<TcpStream> {
        let number = self.sources.fetch_add(1, Ordering::Relaxed);
        connect_from(2 + (number % 250) as u8, self.address, window)
    }

    /// A connection that receives as usual.
    pub fn connect(&self) -> io::Result<TcpStream> {
        self.connect_with(None)
    }

    /// Sends `request` and returns all that comes back until the connection is closed, by whatever
    /// means.
    pub fn exchange(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = self.connect().expect("a connection");
        // It may be closed before everything was taken.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(
                error.kind(),
                io::ErrorKind::ConnectionReset,
                "after {} bytes to {:?}",
                answer.len(),
                request[..request.len().min(200)].escape_ascii().to_string()
            );
        }
        answer
    }

    /// Opens and holds connections, each prepared by `prepare`, and opens another one when the
    /// oldest was held for long enough.
    pub fn hold(&self, count: usize, prepare: impl Fn(&mut TcpStream) -> io::Result<()>) {
        let mut held = VecDeque::new();
        while self.once_more() {
            if let Ok(mut stream) = self.connect_with(Some(2048))
                && prepare(&mut stream).is_ok()
            {
                held.push_back(stream);
            }
            if held.len() > count {
                held.pop_front();
            }
        }
    }
}

/// A connection from the address 127.0.0.`host` to `address`. `window` bytes is what it can
/// receive.
pub fn connect_from(host: u8, address: SocketAddr, window: Option<usize>) -> io::Result<TcpStream> {
    let socket = net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    if let Some(window) = window {
        sockopt::set_socket_recv_buffer_size(&socket, window)?;
    }
    net::bind_v4(
        &socket,
        &SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, host), 0),
    )?;
    // Otherwise the ports stay taken for a minute.
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    net::connect_any(&socket, &SocketAddrAny::from(address))?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    Ok(stream)
}

/// What the process takes.
#[derive(Debug, Clone, Copy)]
struct Usage {
    threads: usize,
    descriptors: usize,
    /// Resident, in bytes.
    memory: u64,
}

/// The threads of `exporter`, without the one that qemu has for itself.
pub fn threads(exporter: &Exporter) -> usize {
    exporter.threads().len() - usize::from(emulator().is_some())
}

/// What `exporter` takes. An emulator's memory is not counted.
fn usage(exporter: &Exporter) -> Usage {
    let statm = fs::read_to_string(format!("/proc/{}/statm", exporter.pid())).expect("proc");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    let resident = pages.expect("a number") * rustix::param::page_size() as u64;
    Usage {
        threads: threads(exporter),
        descriptors: exporter.descriptors(),
        memory: emulator().map_or(resident, |_| 0),
    }
}

/// One scrape as Prometheus does it, if it works.
fn scrape(address: SocketAddr) -> Result<Duration, String> {
    let began = Instant::now();
    let exchange = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        std::thread::sleep(ROUND_TRIP);
        stream.write_all(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nUser-Agent: Prometheus/2.42.0\r\n\
              Accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n\
              X-Prometheus-Scrape-Timeout-Seconds: 10\r\nConnection: close\r\n\r\n",
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(|error: io::Error| error.to_string())?;
    let took = began.elapsed();
    let response = super::Response::read(&answer).ok_or("no whole answer")?;
    let page = Page::read(&response.body)?;
    match (response.status, page.up()) {
        (200, "1") => Ok(took),
        (status, up) => Err(format!("status {status}, up {up}")),
    }
}

/// Attacks `exporter` by `threads` threads that each run `attack` while it is scraped, in full size
/// at this `interval` at least, and checks that the scrapes come through and that the process stays
/// within its bounds.
pub fn withstand_for(
    interval: Duration,
    name: &str,
    exporter: &mut Exporter,
    size: usize,
    threads: usize,
    attack: impl Fn(&Attack) + Sync,
) {
    raise_limit();
    let before = usage(exporter);
    let under_way = Attack {
        address: exporter.address,
        size,
        began: Instant::now(),
        is_over: AtomicBool::new(false),
        done: AtomicUsize::new(0),
        sources: AtomicUsize::new(0),
    };
    let (scrapes, scrape_time, most_threads) = if is_full() {
        (SCRAPES.0, SCRAPE_TIME.0, MOST_THREADS)
    } else {
        (SCRAPES.1, SCRAPE_TIME.1, MOST_THREADS + ENDING)
    };
    let mut times = Vec::new();
    let mut failures = Vec::new();
    let mut most = before;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| attack(&under_way));
        }
        wait_until("the attack is under way", || {
            under_way.done.load(Ordering::Relaxed) >= threads
        });
        for _ in 0..scrapes {
            let began = Instant::now();
            match scrape(exporter.address) {
                Ok(took) => times.push(took),
                Err(error) => failures.push(error),
            }
            if is_full() {
                std::thread::sleep(interval.saturating_sub(began.elapsed()));
            }
            let now = usage(exporter);
            most.threads = most.threads.max(now.threads);
            most.descriptors = most.descriptors.max(now.descriptors);
            most.memory = most.memory.max(now.memory);
        }
        under_way.is_over.store(true, Ordering::Relaxed);
    });
    times.sort();
    let most_times = times.get(scrapes - 2);
    println!(
        "{name}: {} times, all but one within {most_times:.1?}, median {:.1?}, {} failed {failures:?}; \
         {} threads, {} descriptors, {} kB more",
        under_way.done.load(Ordering::Relaxed),
        times.get(scrapes / 2),
        failures.len(),
        most.threads,
        most.descriptors,
        most.memory.saturating_sub(before.memory) >> 10,
    );
    assert!(
        most_times.is_some_and(|&time| time < scrape_time),
        "{name}: {failures:?} {times:?}"
    );
    assert!(most.threads <= most_threads, "{name}: {most:?}");
    assert!(most.descriptors <= ALL_DESCRIPTORS, "{name}: {most:?}");
    assert!(
        most.memory < before.memory + MEMORY,
        "{name}: {before:?} {most:?}"
    );
    assert!(exporter.is_running(), "{name}");
}

/// The same for so long that all deadlines of the gate pass.
pub fn withstand(
    name: &str,
    exporter: &mut Exporter,
    size: usize,
    threads: usize,
    attack: impl Fn(&Attack) + Sync,
) {
    withstand_for(INTERVAL, name, exporter, size, threads, attack);
}

/// A process at rest, to compare with.
pub struct Rest(Usage);

impl Rest {
    /// What `exporter` takes when it was scraped and has come to rest.
    pub fn of(exporter: &Exporter) -> Self {
        scrape(exporter.address).expect("a scrape");
        wait_until("no more threads than at rest", || {
            usage(exporter).threads <= THREADS_AT_REST
        });
        Rest(usage(exporter))
    }

    /// Waits until `exporter` is at rest again.
    pub fn wait_for(&self, name: &str, exporter: &Exporter) {
        let began = Instant::now();
        loop {
            let now = usage(exporter);
            if now.threads <= THREADS_AFTERWARDS
                && now.descriptors <= self.0.descriptors + MORE_DESCRIPTORS
                && now.memory <= self.0.memory + LEFT
            {
                println!(
                    "{name}: at rest again after {:.1?}, {now:?}",
                    began.elapsed()
                );
                return;
            }
            assert!(
                began.elapsed() < RECOVERY,
                "{name}: {now:?}, not {:?}",
                self.0
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Lets this process hold as many connections as the largest attack takes.
fn raise_limit() {
    const NEEDED: u64 = 8192;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < NEEDED) {
        let raised = Rlimit {
            current: limit
                .maximum
                .map_or(Some(NEEDED), |maximum| Some(maximum.min(NEEDED))),
            ..limit
        };
        setrlimit(Resource::Nofile, raised).expect("more descriptors");
    }
}

/// Connections that are held open.
pub fn idle(attack: &Attack) {
    let mut held = Vec::new();
    while held.len() < attack.size {
        attack.once_more();
        held.extend(attack.connect());
    }
    while attack.goes_on() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Requests whose clients do not wait for the answer.
pub fn resets(attack: &Attack) {
    while attack.once_more() {
        if let Ok(mut stream) = attack.connect() {
            let _ = stream.write_all(REQUEST);
        }
    }
}
