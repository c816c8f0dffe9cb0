//! Replies that another user of the machine sends to the reply sockets, sooner than the server
//! does.
//!
//! These tests run as root: who forges has to be another user.

use std::collections::HashSet;
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::page::Page;
use crate::support::stand_in::{Behaviour, StandIn, V2_4, V3_6, Version};
use crate::support::{Exporter, PATIENCE, TempDir, assert_down, assert_up, binary, captured};

/// The user that forges, who has no name.
const STRANGER: u32 = 65_533;

/// As long as the server takes for each answer, who forges is first.
const SLOW: Behaviour = Behaviour::Slow(Duration::from_millis(5));

const FORGED: &str = "200 OK\ncore:rcv_requests:: 666\n";

/// A program of another user that answers requests of one exporter. It is a thread: to the kernel
/// each thread has a user of its own.
struct Forger {
    ended: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Forger {
    /// Sends `reply` to each address that `watch` sees, `times` times or until nobody is there.
    fn start(
        reply: &str,
        times: usize,
        watch: impl Fn() -> Vec<SocketAddr> + Send + 'static,
    ) -> Self {
        assert!(
            rustix::process::getuid().is_root(),
            "run this test as root: who forges is another user"
        );
        let ended = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicUsize::new(0));
        let (sender, addresses) = mpsc::channel::<SocketAddr>();
        let is_ended = Arc::clone(&ended);
        let watching = thread::spawn(move || {
            let mut seen = HashSet::new();
            while !is_ended.load(Ordering::Relaxed) {
                for address in watch() {
                    if seen.insert(format!("{address:?}")) && sender.send(address).is_err() {
                        return;
                    }
                }
            }
        });
        let (is_ended, count) = (Arc::clone(&ended), Arc::clone(&sent));
        let reply = reply.to_string();
        let forging = thread::spawn(move || {
            become_the_stranger();
            let socket = UnixDatagram::unbound().expect("a socket");
            let wait = Some(Duration::from_millis(10));
            socket.set_write_timeout(wait).expect("a timeout");
            for address in addresses {
                for _ in 0..times {
                    let is_sent = socket.send_to_addr(reply.as_bytes(), &address).is_ok();
                    if !is_sent || is_ended.load(Ordering::Relaxed) {
                        break;
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Forger {
            ended,
            sent,
            threads: vec![watching, forging],
        }
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let result = thread.join();
            assert!(
                result.is_ok() || thread::panicking(),
                "the forger ends well"
            );
        }
    }
}

/// Makes this thread one of another user.
#[allow(unsafe_code)]
fn become_the_stranger() {
    // SAFETY: the call takes three numbers and no pointer. It changes this thread alone, which ends
    // with the user that it gets here.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, STRANGER, STRANGER, STRANGER) };
    assert_eq!(result, 0, "root can be any user");
}

/// The abstract addresses that the process has bound, as everybody sees them in /proc/net/unix. Its
/// descriptors tell which are its own: other tests run beside this one.
fn abstract_addresses(process: u32) -> Vec<SocketAddr> {
    let table = fs::read_to_string("/proc/net/unix").expect("the sockets");
    let sockets: Vec<(&str, &str)> = table
        .lines()
        .filter_map(|line| {
            let (fields, name) = line.split_once(" @opensips_exporter-")?;
            Some((fields.split_whitespace().last()?, name))
        })
        .collect();
    if sockets.is_empty() {
        return Vec::new();
    }
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).expect("its descriptors");
    let own: HashSet<PathBuf> = descriptors
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .collect();
    sockets
        .into_iter()
        .filter(|(inode, _)| own.contains(Path::new(&format!("socket:[{inode}]"))))
        .map(|(_, name)| {
            SocketAddr::from_abstract_name(format!("opensips_exporter-{name}")).expect("an address")
        })
        .collect()
}

/// The reply sockets in a directory that everybody may enter.
fn files(directory: &Path) -> Vec<SocketAddr> {
    let files = fs::read_dir(directory).expect("the directory").flatten();
    files
        .map(|file| SocketAddr::from_pathname(file.path()).expect("an address"))
        .collect()
}

/// A directory for replies that everybody may enter.
fn open_directory() -> TempDir {
    let directory = TempDir::new();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
    directory
}

fn start(version: Version) -> (TempDir, StandIn) {
    let directory = open_directory();
    let server = StandIn::start(&directory.join("mi.sock"), version, &captured());
    (directory, server)
}

fn forged(page: &Page) -> usize {
    let count = page.value("opensips_exporter_forged_replies_total", &[]);
    count.expect("the counter").parse().expect("a number")
}

fn assert_all_are_the_servers(exporter: &Exporter, forger: &Forger) {
    for _ in 0..100 {
        assert_up(exporter);
    }
    assert!(forger.sent() > 0);
    assert!(forged(&exporter.scrape()) > 0);
    let line = exporter.wait_for_log("forged");
    let who = format!("process {} of user {STRANGER}", std::process::id());
    assert!(line.contains(&who), "{line}");
    assert_eq!(exporter.logged("forged").len(), 1);
    assert_eq!(exporter.logged("opensips_up is 0"), Vec::<String>::new());
}

#[test]
fn no_page_holds_what_another_user_sends_to_an_abstract_address() {
    for (version, reply) in [(V2_4, FORGED), (V3_6, "500 Internal error")] {
        let (directory, server) = start(version);
        let exporter = Exporter::start(&directory.join("mi.sock"), &[]);
        assert_eq!(forged(&exporter.scrape()), 0);
        server.behave(SLOW);
        let pid = exporter.pid();
        let forger = Forger::start(reply, 1, move || abstract_addresses(pid));
        assert_all_are_the_servers(&exporter, &forger);
    }
}

#[test]
fn no_page_holds_what_another_user_sends_to_a_file() {
    let (directory, server) = start(V2_4);
    let replies = open_directory();
    let path = replies.path().to_path_buf();
    let flag = format!("--reply-dir={}", path.display());
    let exporter = Exporter::start(&directory.join("mi.sock"), &[&flag]);
    assert_eq!(forged(&exporter.scrape()), 0);
    server.behave(SLOW);
    let forger = Forger::start(FORGED, 1, move || files(&path));
    assert_all_are_the_servers(&exporter, &forger);
}

#[test]
fn a_flood_of_forged_replies_ends_with_the_deadline() {
    let (directory, server) = start(V2_4);
    let exporter = Exporter::start(&directory.join("mi.sock"), &["--timeout=1s"]);
    assert_up(&exporter);
    server.behave(Behaviour::Silent);
    let pid = exporter.pid();
    let forger = Forger::start(FORGED, usize::MAX, move || abstract_addresses(pid));
    let began = Instant::now();
    assert_down(&exporter);
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
    assert!(forged(&exporter.scrape()) > 0);
    // The server waits for a place in the queue, and gets one.
    server.behave(SLOW);
    let mut pages = (0..20).map(|_| exporter.scrape());
    assert!(pages.any(|page| page.up() == "1"), "{:#?}", exporter.log());
    drop(forger);
    assert_up(&exporter);
}

/// Some servers bind their socket as root and answer as another user.
#[test]
fn the_owner_of_the_socket_or_of_its_directory_is_the_server() {
    let (directory, server) = start(V2_4);
    server.behave(Behaviour::Silent);
    let replies = open_directory();
    let path = replies.path().to_path_buf();
    let socket = directory.join("mi.sock");
    let flags = [
        format!("--socket={}", socket.display()),
        format!("--reply-dir={}", path.display()),
        "--dialect=line".to_string(),
        "--timeout=1s".to_string(),
    ];
    let _other_user = Forger::start(FORGED, 1, move || files(&path));
    let run = |command: &str| {
        let output = binary().arg(command).args(&flags).output();
        String::from_utf8(output.expect("the program runs").stdout).expect("text")
    };
    let report = run("check");
    assert!(
        report.contains("of user 65533") && report.contains("no reply from"),
        "{report}"
    );
    assert!(run("dump").contains("opensips_up 0\n"));
    for owned in [directory.path(), &socket] {
        chown(owned, Some(STRANGER), None).expect("another owner");
        let page = run("dump");
        assert!(
            page.contains("opensips_core_requests_total 666\n"),
            "{page}"
        );
        assert!(
            page.contains("opensips_exporter_forged_replies_total 0\n"),
            "{page}"
        );
        chown(owned, Some(0), None).expect("the owner that it had");
    }
}
