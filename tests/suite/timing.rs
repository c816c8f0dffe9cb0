//! Many scrapes at once, slow servers, and what a scrape says of its own time.

use std::time::{Duration, Instant};

use crate::support::attack::{THREADS_AFTERWARDS, THREADS_AT_REST, threads};
use crate::support::many_processes::statistics;
use crate::support::stand_in::{Behaviour, V3_6};
use crate::support::{Exporter, assert_down, assert_up, server_with};
use crate::support::{server_and_exporter, wait_until};

#[test]
fn twenty_scrapes_at_once_all_come_right() {
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=20s"]);
    server.behave(Behaviour::Slow(Duration::from_millis(10)));
    std::thread::scope(|scope| {
        for number in 0..20 {
            let exporter = &exporter;
            scope.spawn(move || {
                if number % 2 == 0 {
                    assert_up(exporter);
                } else {
                    let page = exporter.scrape_with("/metrics?collect[]=net:");
                    assert_eq!(page.up(), "1");
                    assert_eq!(page.of_server(), ["opensips_net_waiting"]);
                }
            });
        }
    });
    assert!(server.requests().len() <= 20);
}

/// The server does one thing at a time.
#[test]
fn scrapes_that_wait_share_the_page_of_the_one_under_way() {
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=30s"]);
    assert_up(&exporter);
    server.forget();
    server.behave(Behaviour::Slow(Duration::from_secs(2)));
    std::thread::scope(|scope| {
        scope.spawn(|| assert_up(&exporter));
        wait_until("it is asked", || !server.requests().is_empty());
        for _ in 0..9 {
            scope.spawn(|| assert_up(&exporter));
        }
        let other = scope.spawn(|| exporter.scrape_with("/metrics?collect[]=net:"));
        wait_until("the other one is asked for", || {
            server.requests().len() == 2
        });
        server.behave(Behaviour::Proper);
        let page = other.join().expect("a page");
        assert_eq!(page.of_server(), ["opensips_net_waiting"]);
    });
    // On a busy machine some may come after the first one is served.
    let requests = server.requests().len();
    assert!(requests < 8, "{requests}");
}

/// Whoever is in a hurry may get less.
#[test]
fn nobody_shares_what_had_less_time() {
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=30s"]);
    assert_up(&exporter);
    server.forget();
    server.behave(Behaviour::Silent);
    std::thread::scope(|scope| {
        let hurried = scope.spawn(|| {
            exporter.send(
                "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                 X-Prometheus-Scrape-Timeout-Seconds: 2\r\n\r\n",
            )
        });
        wait_until("it is asked", || !server.requests().is_empty());
        let patient = scope.spawn(|| assert_up(&exporter));
        let hurried = hurried.join().expect("an answer");
        server.behave(Behaviour::Proper);
        assert!(hurried.text().contains("\nopensips_up 0\n"));
        patient.join().expect("a page");
    });
}

#[test]
fn a_scrape_that_waits_in_vain_asks_nothing() {
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=6s"]);
    assert_up(&exporter);
    server.forget();
    server.behave(Behaviour::Silent);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_down(&exporter));
        wait_until("it is asked", || !server.requests().is_empty());
        let page = exporter.send(
            "GET /metrics?collect[]=net: HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             X-Prometheus-Scrape-Timeout-Seconds: 0.2\r\n\r\n",
        );
        assert!(page.text().contains("\nopensips_up 0\n"));
        assert_eq!(server.requests().len(), 1);
    });
}

#[test]
fn prometheus_says_how_long_a_scrape_may_take() {
    let (directory, server, exporter) = server_and_exporter(&["--timeout=500ms"]);
    server.behave(Behaviour::Silent);
    let patient = Exporter::start(&directory.join("mi.sock"), &["--timeout=1h"]);
    let scrape = |exporter: &Exporter, announced: &str| {
        let start = Instant::now();
        let response = exporter.send(&format!(
            "GET /metrics HTTP/1.1\r\nHost: x\r\nx-prometheus-scrape-timeout-seconds: {announced}\r\nConnection: close\r\n\r\n"
        ));
        assert!(response.text().contains("\nopensips_up 0\n"));
        start.elapsed()
    };
    // In less time an answer that does not come says nothing of the server.
    scrape(&patient, "0.2");
    scrape(&patient, "0.8");
    patient.wait_for_log("within 400ms");
    assert!(patient.logged("within 100ms").is_empty());
    let ready = patient.get_within("/-/ready", Duration::from_millis(100));
    assert_eq!(ready.status, 503);
    for longer_or_nonsense in ["60", "", "soon", "-1", "0", "NaN", "inf", "1e400"] {
        let took = scrape(&exporter, longer_or_nonsense);
        assert!(
            took >= Duration::from_millis(500),
            "{longer_or_nonsense}: {took:?}"
        );
    }
}

/// What a client in a hurry asked for has to be answered before anything else is: when it is not
/// waited for, requests pile up at the server.
#[test]
fn hurried_scrapes_leave_no_work_behind() {
    let (_directory, server, exporter) = server_and_exporter(&[]);
    assert_up(&exporter);
    server.behave(Behaviour::Slow(Duration::from_millis(100)));
    let began = Instant::now();
    for target in ["/metrics?collect[]=net:", "/-/ready"].repeat(10) {
        exporter.send(&format!(
            "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             X-Prometheus-Scrape-Timeout-Seconds: 0.1\r\n\r\n"
        ));
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
    let began = Instant::now();
    assert_up(&exporter);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn the_duration_is_in_seconds() {
    let (_directory, server, exporter) = server_and_exporter(&[]);
    let duration = || {
        let page = exporter.scrape();
        let value = page.value("opensips_scrape_duration_seconds", &[]);
        value
            .and_then(|value| value.parse::<f64>().ok())
            .expect("a number")
    };
    assert!(duration() > 0.0);
    server.behave(Behaviour::Slow(Duration::from_millis(200)));
    assert!((0.2..20.0).contains(&duration()));
}

#[test]
fn threads_come_with_need_and_go() {
    let (_directory, server, exporter) = server_and_exporter(&["--timeout=1s"]);
    server.behave(Behaviour::Silent);
    wait_until("those that wait", || threads(&exporter) <= THREADS_AT_REST);
    let scrapes = 10;
    std::thread::scope(|scope| {
        for _ in 0..scrapes {
            scope.spawn(|| assert_down(&exporter));
        }
        wait_until(
            "one for each connection, and those of further streams",
            || threads(&exporter) >= THREADS_AFTERWARDS + scrapes,
        );
    });
    wait_until("those that wait, and those of further streams", || {
        threads(&exporter) <= THREADS_AFTERWARDS
    });
    // Further streams are used again.
    std::thread::scope(|scope| {
        for _ in 0..scrapes {
            scope.spawn(|| assert_down(&exporter));
        }
    });
    wait_until("no more than after the first time", || {
        threads(&exporter) <= THREADS_AFTERWARDS
    });
}

/// Three Prometheis that wait for a second ask for a large page at once, again and again.
#[test]
fn three_prometheis_lose_nothing() {
    let (_directory, _server, exporter) = server_with(V3_6, statistics(V3_6, 100), &[]);
    assert_eq!(exporter.scrape().up(), "1");
    let scrape = |round: usize| {
        let began = Instant::now();
        // A timeout of a second leaves half of that.
        let response = exporter.get_within("/metrics", Duration::from_millis(500));
        let took = began.elapsed();
        assert!(response.body.len() > 50_000, "{}", response.text());
        assert_eq!(response.page().up(), "1", "{round}");
        assert!(took < Duration::from_secs(1), "{round}: {took:?}");
    };
    for round in 0..20 {
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| scrape(round));
            }
        });
    }
    assert!(
        exporter.logged("level=warn").is_empty(),
        "{:?}",
        exporter.log()
    );
}
