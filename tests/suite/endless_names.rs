//! Groups in which a script makes names without end, or many.

use std::time::Duration;

use crate::support::many_processes::{assert_all, statistics};
use crate::support::stand_in::{Behaviour, V2_4, V3_6, Version, script_variable};
use crate::support::{assert_is_down, server_with, wait_until};

/// Requests that take a server long, for each version.
const SLOW: [(Version, &[&str]); 2] = [
    (V2_4, &["\nall", "script:"]),
    (V3_6, &["\"all\"", "script:"]),
];

/// A script that makes names without end keeps the server busy for seconds with each request for
/// them, until it finds that they do not fit.
#[test]
fn names_without_end_cost_no_other_group() {
    for (version, slow) in SLOW {
        let all = statistics(version, 10);
        let (_directory, server, exporter) = server_with(version, all, &["--timeout=4s"]);
        assert_all(&exporter, version, 10);
        for scrape in 0..6 {
            server.change(|all| all.extend((0..3000).map(|n| script_variable(scrape * 3000 + n))));
            server.behave(Behaviour::SlowAt(slow, Duration::from_millis(4200)));
            if scrape == 0 {
                assert_is_down(&exporter.scrape());
                server.forget();
            }
            assert_all(&exporter, version, 10);
        }
        let requests = server.requests();
        let asked = requests
            .iter()
            .filter(|request| request.contains("script:"));
        assert_eq!(asked.count(), 1, "{requests:?}");
        let told = exporter.logged("left out of the page");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("script:"), "{told:?}");

        // What comes in time again is on the page again, by one request.
        server.behave(Behaviour::Proper);
        server.change(|all| *all = statistics(version, 10));
        wait_until("the pause is over", || {
            assert_all(&exporter, version, 10);
            server.forget();
            assert_all(&exporter, version, 10);
            server.requests().len() == 1
        });
        exporter.wait_for_log("no group is left out of the page any more");
    }
}

/// A server that finds before the scrape is over that they do not fit, however long that takes.
#[test]
fn names_without_end_cost_the_first_page_nothing_else() {
    for (version, slow) in SLOW {
        let all = statistics(version, 10);
        let (_directory, server, exporter) = server_with(version, all, &["--timeout=8s"]);
        assert_all(&exporter, version, 10);
        server.change(|all| all.extend((0..3000).map(script_variable)));
        server.behave(Behaviour::SlowAt(slow, Duration::from_secs(3)));
        assert_all(&exporter, version, 10);
    }
}

/// They did not fit when they were still read fast, and are asked for again when they are not.
#[test]
fn names_without_end_cost_nothing_else_when_they_are_tried_again() {
    for (version, slow) in SLOW {
        let mut all = statistics(version, 10);
        all.extend((0..3000).map(script_variable));
        let (_directory, server, exporter) = server_with(version, all, &["--timeout=4s"]);
        assert_all(&exporter, version, 10);
        server.behave(Behaviour::SlowAt(slow, Duration::from_millis(4200)));
        server.forget();
        wait_until("they are tried again", || {
            assert_all(&exporter, version, 10);
            let requests = server.requests();
            requests.iter().any(|request| request.contains("script:"))
        });
    }
}

/// What does not fit together does not so in any order.
#[test]
fn a_list_that_was_too_large_is_not_asked_for_in_another_order() {
    let mut all = statistics(V3_6, 10);
    for group in ["one", "other"] {
        all.extend((0..1000).map(|number| {
            let (_, name, value) = script_variable(number);
            (group.into(), name, value)
        }));
    }
    let (_directory, server, exporter) = server_with(V3_6, all, &[]);
    for (query, expected) in [
        ("collect[]=one:&collect[]=other:", 3),
        ("collect[]=other:&collect[]=one:", 2),
    ] {
        server.forget();
        let page = exporter.scrape_with(&format!("/metrics?{query}"));
        let family = page.family("opensips_statistic").expect("samples");
        assert_eq!(family.samples.len(), 2000);
        assert_eq!(server.requests().len(), expected, "{query}");
    }
}
