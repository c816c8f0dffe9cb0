//! Beside a real server. `make e2e` runs this; it needs the Debian package kamailio.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::auto::{in_namespaces, prepare};
use crate::real_kamailio::{Kamailio, free_port};
use crate::support::page::Page;
use crate::support::{Exporter, TempDir, assert_down, wait_until};

/// A destination that answers every request until it is dropped.
struct Destination {
    uri: String,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Destination {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let uri = format!("sip:{}", socket.local_addr().expect("an address"));
        let wait = Duration::from_millis(50);
        socket.set_read_timeout(Some(wait)).expect("a timeout");
        let ended = Arc::new(AtomicBool::new(false));
        let is_ended = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !is_ended.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
                let headers = request
                    .split("\r\n")
                    .filter(|line| copied.iter().any(|name| line.starts_with(name)));
                let headers: Vec<&str> = headers.collect();
                let answer = format!(
                    "SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n",
                    headers.join("\r\n")
                );
                let _ = socket.send_to(answer.as_bytes(), from);
            }
        });
        Destination {
            uri,
            ended,
            thread: Some(thread),
        }
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn number(page: &Page, name: &str, labels: &[(&str, &str)]) -> u64 {
    let value = page.value(name, labels);
    let value = value.unwrap_or_else(|| panic!("no {name} {labels:?}"));
    value.parse().expect("a number")
}

#[test]
#[ignore = "needs the Debian package kamailio: make e2e"]
fn kamailio_counts_what_it_was_sent() {
    let directory = TempDir::new();
    let port = free_port();
    let kamailio = Kamailio::start(&directory, port);
    let exporter = Exporter::start(&directory.join("mi.sock"), &[]);
    wait_until("Kamailio answers", || {
        exporter.get("/-/ready").status == 200
    });

    let before = exporter.scrape();
    assert_eq!(before.up(), "1", "{:?}", exporter.log());
    let info = before.family("opensips_info").expect("what it is");
    assert_eq!(info.samples[0].labels["server"], "kamailio");
    // It has no destinations, and says so by an error.
    let labels = [("collector", "dispatcher")];
    assert_eq!(
        number(&before, "opensips_scrape_collector_success", &labels),
        1
    );

    for request in 0..3 {
        assert_eq!(kamailio.ask("REGISTER", 1 + request), 200);
    }
    for request in 0..5 {
        assert_eq!(kamailio.ask("OPTIONS", 10 + request), 404);
    }
    for request in 0..2 {
        assert_eq!(kamailio.ask("INVITE", 20 + request), 486);
    }
    // Kamailio counts anew only every few seconds.
    let transactions = |page: &Page| number(page, "opensips_tmx_UAS_transactions", &[]);
    let replies = |page: &Page| number(page, "opensips_sl_replies", &[("type", "404")]);
    wait_until("Kamailio has counted", || {
        let page = exporter.scrape();
        transactions(&page) == transactions(&before) + 2 && replies(&page) == replies(&before) + 5
    });
    let after = exporter.scrape();
    let grown = |name: &str, labels: &[(&str, &str)]| {
        number(&after, name, labels) - number(&before, name, labels)
    };
    assert_eq!(grown("opensips_core_requests_total", &[]), 10);
    assert_eq!(
        grown("opensips_registrar_registrations", &[("type", "accepted")]),
        3
    );
    assert_eq!(grown("opensips_sl_replies", &[("type", "404")]), 5);
    assert_eq!(grown("opensips_tmx_UAS_transactions", &[]), 2);
    assert_eq!(
        grown("opensips_tmx_transactions_total", &[("type", "4xx")]),
        2
    );
    assert_eq!(
        number(&after, "opensips_usrloc_registered_users_total", &[]),
        1
    );

    // Its socket stays when it ends, and is another one when it is started again.
    kamailio.stop();
    assert_down(&exporter);
    let kamailio = Kamailio::start(&directory, port);
    wait_until("it answers again", || {
        exporter.get("/-/ready").status == 200
    });
    assert_eq!(kamailio.ask("OPTIONS", 1), 404);
    wait_until("it counts again", || replies(&exporter.scrape()) == 1);

    // At once, before a scrape has seen that it was gone.
    kamailio.stop();
    let _kamailio = Kamailio::start(&directory, port);
    assert_eq!(exporter.scrape().up(), "1", "{:?}", exporter.log());
}

#[test]
#[ignore = "needs the Debian package kamailio: make e2e"]
fn a_destination_of_kamailio_is_up_as_long_as_it_answers() {
    let directory = TempDir::new();
    let destination = Destination::start();
    // It takes every request and answers none.
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let silent = format!("sip:{}", silent.local_addr().expect("an address"));
    let destinations = [destination.uri.clone(), silent.clone()];
    let _kamailio = Kamailio::start_with(&directory, free_port(), &destinations, &[]);
    let exporter = Exporter::start(&directory.join("mi.sock"), &[]);
    let is_up = |uri: &str| {
        let page = exporter.scrape();
        let labels = [("set", "1"), ("uri", uri)];
        let value = page.value("opensips_dispatcher_destination_up", &labels);
        value.map(str::to_string)
    };
    wait_until("the silent one is down", || {
        is_up(&silent).as_deref() == Some("0")
    });
    assert_eq!(is_up(&destination.uri).as_deref(), Some("1"));
    let page = exporter.scrape();
    let states = page
        .family("opensips_dispatcher_destination_state")
        .expect("states");
    let set: Vec<_> = states
        .samples
        .iter()
        .filter(|sample| sample.value == "1")
        .collect();
    assert_eq!(set.len(), destinations.len());
    let of_silent = set
        .iter()
        .find(|sample| sample.labels["uri"] == silent)
        .expect("the silent one");
    assert_eq!(of_silent.labels["state"], "probing");
    let labels = [("collector", "dispatcher")];
    assert_eq!(
        number(&page, "opensips_scrape_collector_success", &labels),
        1
    );

    let uri = destination.uri.clone();
    drop(destination);
    wait_until("the other one is down too", || {
        is_up(&uri).as_deref() == Some("0")
    });
}

/// By HTTP it says what it is, and that is found out without a flag.
#[test]
#[ignore = "needs the Debian package kamailio: make e2e"]
fn kamailio_is_asked_by_http() {
    let directory = TempDir::new();
    let port = free_port();
    let kamailio = Kamailio::start_with(&directory, port, &[], &["HTTP"]);
    let url = format!("http://127.0.0.1:{port}/rpc");
    let exporter = Exporter::start(Path::new(&url), &[]);
    let page = exporter.scrape();
    assert_eq!(page.up(), "1", "{:?}", exporter.log());
    let info = page.family("opensips_info").expect("what it is");
    assert_eq!(info.samples[0].labels["server"], "kamailio");
    assert!(number(&page, "opensips_tcp_max_connections", &[]) > 0);
    // There are no destinations, and the only RTP engine is silent.
    let succeeded = &page
        .family("opensips_scrape_collector_success")
        .expect("all")
        .samples;
    assert!(succeeded.len() > 6 && succeeded.iter().all(|it| it.value == "1"));
    let labels = [("set", "0"), ("node", "udp:127.0.0.1:9")];
    assert_eq!(number(&page, "opensips_rtpengine_node_up", &labels), 0);
    kamailio.stop();
    assert_down(&exporter);
}

/// It logs no line about what it is asked, whatever it lacks.
#[test]
#[ignore = "needs the Debian package kamailio: make e2e"]
fn kamailio_without_kex_shows_the_rest_and_logs_nothing() {
    for (defined, success) in [(&["WITHOUT_KEX"][..], 0), (&[], 1)] {
        let directory = TempDir::new();
        let _kamailio = Kamailio::start_with(&directory, free_port(), &[], defined);
        // Finding out what it is would be logged where its socket is not named after it.
        let exporter = Exporter::start(&directory.join("mi.sock"), &["--dialect=kamailio"]);
        wait_until("Kamailio answers", || {
            exporter.get("/-/ready").status == 200
        });
        let logged = || fs::read_to_string(directory.join("kamailio.log")).expect("a log");
        let before = logged();
        for _ in 0..2 {
            let page = exporter.scrape();
            assert_eq!(page.up(), "1", "{:?}", exporter.log());
            let failed = page.value("opensips_scrape_collector_success", &[("collector", "kex")]);
            assert_eq!(failed.is_none(), success == 1);
            assert_eq!(
                page.family("opensips_core_requests_total").is_some(),
                success == 1
            );
            assert!(page.family("opensips_core_uptime_seconds").is_some());
            let labels = [("table", "items")];
            assert_eq!(number(&page, "opensips_htable_items", &labels), 0);
        }
        let after = logged();
        let news = after.strip_prefix(&before).expect("more");
        assert!(!news.contains("ERROR: jsonrpcs"), "{news}");
    }
}

/// The configuration that Debian brings along, as its unit starts it, with the addresses of
/// namespaces of its own.
#[test]
#[ignore = "needs to be root, and the Debian package kamailio: make e2e"]
fn stock_kamailio_needs_no_change() {
    in_namespaces("kamailio::stock_kamailio_needs_no_change", || {
        let own = prepare();
        let prepared = Command::new("chown")
            .args(["kamailio:kamailio", "/run/kamailio"])
            .status();
        assert!(prepared.expect("chown").success());
        let mut server = Command::new("setpriv")
            .args(["--reuid=kamailio", "--regid=kamailio", "--clear-groups"])
            .args(["kamailio", "-DD", "-E", "-f", "/etc/kamailio/kamailio.cfg"])
            .stderr(Stdio::null())
            .spawn()
            .expect("kamailio: install the Debian package kamailio");
        let socket = Path::new("/run/kamailio/kamailio_rpc.sock");
        wait_until("Kamailio listens", || socket.exists());
        // A user of the group, and of nothing else.
        let mut exporter = Command::new("setpriv");
        exporter
            .args(["--reuid=nobody", "--regid=kamailio", "--clear-groups"])
            .arg(own)
            .args(["--addr=127.0.0.1:0"]);
        let exporter = Exporter::run(exporter);
        wait_until("it answers", || exporter.get("/-/ready").status == 200);
        let page = exporter.scrape();
        assert_eq!(page.up(), "1", "{:?}", exporter.log());
        for name in [
            "opensips_core_uptime_seconds",
            "opensips_pkmem_real_used_size",
            "opensips_tcp_max_connections",
            "opensips_registrar_max_expires",
            "opensips_process_info",
        ] {
            assert!(page.family(name).is_some(), "{name}");
        }
        assert!(page.family("opensips_statistic").is_none());
        let ended = Command::new("kill").arg(server.id().to_string()).status();
        assert!(ended.expect("kill").success());
        server.wait().expect("its end");
    });
}
