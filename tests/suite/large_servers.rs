//! Servers with so many processes that their statistics do not fit into one reply.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::many_processes::{assert_all, statistics};
use crate::support::network::Server;
use crate::support::stand_in::{
    Behaviour, StandIn, Statistic, V1_11, V2_4, V3_6, V4_0, Version, script_variable,
};
use crate::support::{
    Exporter, TempDir, assert_down, assert_is_down, binary, server_with, wait_until,
};

fn size(statistics: &[Statistic]) -> usize {
    let sizes = statistics
        .iter()
        .map(|(group, name, value)| group.len() + name.len() + value.to_string().len() + 5);
    sizes.sum()
}

fn start(version: Version, processes: usize) -> (TempDir, StandIn, Exporter) {
    server_with(version, statistics(version, processes), &["--timeout=20s"])
}

/// Scrapes until so many requests and no question are enough. A reply that takes longer than usual
/// costs some more, on a machine that is busy.
fn assert_settles(
    exporter: &Exporter,
    server: &StandIn,
    version: Version,
    processes: usize,
    most: usize,
) {
    let mut needed = Vec::new();
    for _ in 0..10 {
        server.forget();
        assert_all(exporter, version, processes);
        let needs = (server.requests().len(), server.questions().len());
        if needs.0 <= most && needs.1 == 0 {
            return;
        }
        needed.push(needs);
    }
    panic!(
        "{}: {needed:?} requests and questions, not {most} and 0",
        version.name
    );
}

#[test]
fn every_statistic_of_two_thousand_processes_arrives_in_few_requests() {
    const PROCESSES: usize = 2000;
    for version in [V1_11, V2_4, V3_6, V4_0] {
        let (_directory, server, exporter) = start(version, PROCESSES);
        assert_all(&exporter, version, PROCESSES);
        println!(
            "{}: {} requests at first",
            version.name,
            server.requests().len()
        );
        let fewest = size(&statistics(version, PROCESSES)).div_ceil(version.limit());
        // For the groups that do not grow, the frames of the replies and the room for larger
        // numbers.
        assert_settles(&exporter, &server, version, PROCESSES, fewest + 2);
        assert!(exporter.logged("left out").is_empty());
    }
}

#[test]
fn a_server_may_grow_and_shrink() {
    for version in [V2_4, V3_6] {
        let (_directory, server, exporter) = start(version, 100);
        for processes in [
            100, 230, 240, 260, 270, 700, 701, 720, 1200, 400, 1000, 50, 10,
        ] {
            server.change(|all| *all = statistics(version, processes));
            assert_all(&exporter, version, processes);
        }
        assert_settles(&exporter, &server, version, 10, 1);
    }
}

/// A group that the configuration makes, which a server that is too large tells only by its name.
fn with_own_group(version: Version, processes: usize) -> Vec<Statistic> {
    let mut all = statistics(version, processes);
    all.push((b"method".into(), b"INVITE".into(), 103));
    all
}

const OWN: &[(&str, &str)] = &[("group", "method"), ("name", "INVITE")];

#[test]
fn groups_that_were_seen_are_asked_for_also_after_a_restart() {
    for version in [V1_11, V2_4, V3_6, V4_0] {
        for processes in [260, 2000] {
            let (directory, server, exporter) = start(version, 8);
            server.change(|all| *all = with_own_group(version, 8));
            assert_all(&exporter, version, 8);
            server.stop();
            assert_down(&exporter);
            let socket = directory.join("mi.sock");
            let all = with_own_group(version, processes);
            let _server = StandIn::with_statistics(&socket, version, all);
            for _ in 0..2 {
                assert_all(&exporter, version, processes);
                let page = exporter.scrape();
                assert_eq!(page.value("opensips_statistic", OWN), Some("103"));
            }
            assert!(exporter.logged("name them by --collect").is_empty());
        }
    }
}

/// Nobody can know them where the server was never seen smaller.
#[test]
fn groups_that_nobody_told_are_named_by_the_operator() {
    for (version, processes) in [(V2_4, 300), (V2_4, 2000), (V3_6, 300), (V4_0, 2000)] {
        let (directory, server, exporter) = start(version, processes);
        server.change(|all| *all = with_own_group(version, processes));
        for _ in 0..3 {
            let page = exporter.scrape();
            assert_eq!(page.up(), "1");
            assert_eq!(page.value("opensips_statistic", OWN), None);
        }
        let advice = "name them by --collect=all,GROUP";
        assert_eq!(exporter.logged(advice).len(), 1);
        let socket = directory.join("mi.sock");
        let output = binary()
            .args(["check", "--timeout=20s", "--socket"])
            .arg(&socket)
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(advice), "{text}");

        let exporter = Exporter::start(&socket, &["--timeout=20s", "--collect=all,METHOD"]);
        for _ in 0..2 {
            let page = exporter.scrape();
            assert_eq!(page.value("opensips_statistic", OWN), Some("103"));
        }
    }
}

#[test]
fn a_selection_may_be_too_large_as_well() {
    for (version, query, most) in [
        (V1_11, "collect[]=pkmem:", 4),
        (V2_4, "collect[]=pkmem:", 2),
        (V3_6, "collect[]=pkmem:", 2),
        (V2_4, "collect[]=pkmem", 3),
        (V3_6, "collect[]=pkmem:&collect[]=nosuch", 3),
    ] {
        let (_directory, server, exporter) = start(version, 500);
        for _ in 0..3 {
            server.forget();
            let page = exporter.scrape_with(&format!("/metrics?{query}"));
            assert_eq!(page.up(), "1");
            let samples = &page
                .family("opensips_pkmem_used_size")
                .expect("samples")
                .samples;
            let expected = statistics(version, 500);
            let expected = expected
                .iter()
                .filter(|(_, name, _)| name.ends_with(b"-used_size"));
            assert_eq!(samples.len(), expected.count());
            assert!(page.family("opensips_core_requests_total").is_none());
        }
        let requests = server.requests();
        assert!(
            requests.len() <= most,
            "{} {query}: {requests:?}",
            version.name
        );
        assert_all(&exporter, version, 500);
    }
}

#[test]
fn a_group_that_is_too_large_by_itself_is_named_and_costs_no_other() {
    let (_directory, server, exporter) = start(V2_4, 10);
    server.change(|all| all.extend((0..3000).map(script_variable)));
    for _ in 0..3 {
        assert_all(&exporter, V2_4, 10);
    }
    server.forget();
    for _ in 0..20 {
        assert_all(&exporter, V2_4, 10);
        exporter.scrape_with("/metrics?collect[]=core:");
    }
    // One each. Those for the group would be twenty more.
    let requests = server.requests().len();
    assert!((40..50).contains(&requests), "{requests}");
    let page = exporter.scrape_with("/metrics?collect[]=nosuch:");
    assert_eq!(page.up(), "1");
    let lines = exporter.logged("left out of the page");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("script:"), "{lines:?}");
}

#[test]
fn names_that_cannot_be_foreseen_are_named() {
    let (_directory, server, exporter) = start(V1_11, 10);
    server.change(|all| {
        for socket in 0..1200 {
            all.push((
                b"load".into(),
                format!("udp:127.0.0.1:{}-load", 10_000 + socket).into_bytes(),
                1,
            ));
        }
    });
    for _ in 0..4 {
        assert_all(&exporter, V1_11, 10);
    }
    let lines = exporter.logged("left out of the page");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("load:"), "{lines:?}");
}

#[test]
fn numbers_of_processes_may_have_wide_gaps() {
    let (_directory, server, exporter) = start(V3_6, 800);
    let is_in_gap = |name: &[u8]| {
        let name = String::from_utf8_lossy(name);
        let digits = name.trim_matches(|c: char| !c.is_ascii_digit());
        let number = digits.rsplit(|c: char| !c.is_ascii_digit()).next();
        number
            .and_then(|number| number.parse().ok())
            .is_some_and(|number| (300..560).contains(&number))
    };
    server.change(|all| {
        all.retain(|(group, name, _)| !(group == b"pkmem" || group == b"load") || !is_in_gap(name))
    });
    let expected = statistics(V3_6, 800)
        .iter()
        .filter(|(group, name, _)| {
            group == b"pkmem" && name.ends_with(b"-used_size") && !is_in_gap(name)
        })
        .count();
    for _ in 0..3 {
        let page = exporter.scrape();
        assert_eq!(
            page.family("opensips_pkmem_used_size")
                .expect("samples")
                .samples
                .len(),
            expected
        );
    }
}

/// Large replies are silence in the line protocol: it must not be taken for death, and death not
/// for largeness.
#[test]
fn silence_is_told_apart() {
    let (directory, server, exporter) = start(V2_4, 300);
    assert_all(&exporter, V2_4, 300);
    server.behave(Behaviour::Silent);
    let exporter = Exporter::start(&directory.join("mi.sock"), &["--timeout=20s"]);
    assert_is_down(&exporter.scrape_within(Duration::from_secs(1)));
    server.behave(Behaviour::Proper);
    assert_all(&exporter, V2_4, 300);
    assert!(
        exporter.logged("no reply from").len() == 1,
        "{:?}",
        exporter.log()
    );
}

/// A scrape has half of the time that it takes to find out what fits: each goes on where the one
/// before had to stop.
#[test]
fn a_split_may_take_longer_than_a_scrape() {
    for version in [V1_11, V2_4] {
        let directory = TempDir::new();
        let socket = directory.join("mi.sock");
        let _server = StandIn::with_statistics(&socket, version, statistics(version, 600));
        let by_udp = Server::udp("127.0.0.1", version);
        by_udp.state().statistics = statistics(version, 600);
        let by_udp = PathBuf::from(format!("udp:{}", by_udp.address));
        for target in [socket, by_udp] {
            let flags = ["--timeout=20s"];
            let began = Instant::now();
            assert_all(&Exporter::start(&target, &flags), version, 600);
            let time = began.elapsed() / 2;
            let exporter = Exporter::start(&target, &flags);
            let scrapes = (1..=10).find(|_| exporter.scrape_within(time).up() == "1");
            assert!(scrapes.is_some(), "{:#?}", exporter.log());
            println!("{}: up at scrape {}", version.name, scrapes.unwrap_or(0));
            assert_all(&exporter, version, 600);
        }
    }
}

/// A script may drop variables, or have had no memory for a moment.
#[test]
fn what_was_given_up_is_tried_again_after_a_while() {
    let (_directory, server, exporter) = start(V3_6, 10);
    server.change(|all| all.extend((0..3000).map(script_variable)));
    for _ in 0..3 {
        assert_all(&exporter, V3_6, 10);
    }
    server.change(|all| all.retain(|(_, name, _)| !name.starts_with(b"a variable")));
    server.change(|all| all.push(script_variable(0)));
    let labels = [("group", "script"), ("name", "a variable of the script 0")];
    wait_until("the pause is over", || {
        let page = exporter.scrape();
        page.value("opensips_statistic", &labels).is_some()
    });
    assert_eq!(exporter.logged("each too large for one reply").len(), 1);
    exporter.wait_for_log("no group is left out of the page any more");
}

/// A server without memory says of everything that it does not fit.
#[test]
fn a_bad_moment_of_the_server_costs_no_more_than_its_scrapes() {
    for processes in [8, 500] {
        let (_directory, server, exporter) = start(V3_6, processes);
        assert_all(&exporter, V3_6, processes);
        let names: Vec<String> = (0..100).map(|name| format!("collect[]=x{name}")).collect();
        let names = names.join("&");
        for query in [
            "",
            "collect[]=core:",
            "collect[]=core:&collect[]=shmem:&collect[]=tm:&collect[]=net:",
            "collect[]=pkmem:",
            &names,
        ] {
            server.behave(Behaviour::Raw(b"500 Internal error".to_vec()));
            server.forget();
            let page = exporter.scrape_with(&format!("/metrics?{query}"));
            assert_eq!(page.up(), "0", "{query}");
            let requests = server.requests().len();
            assert!(requests <= 30, "{query}: {requests}");
            server.behave(Behaviour::Proper);
            if query != names {
                let page = exporter.scrape_with(&format!("/metrics?{query}"));
                assert_eq!(page.up(), "1", "{query}");
            }
            assert_all(&exporter, V3_6, processes);
        }
        let left_out = exporter.logged("left out of the page");
        assert!(left_out.is_empty(), "{left_out:?}");
    }
}

/// What was learnt stays when a scrape had no time to read all.
#[test]
fn a_slow_scrape_teaches_nothing() {
    const PROCESSES: usize = 2000;
    let (_directory, server, exporter) = start(V2_4, PROCESSES);
    assert_all(&exporter, V2_4, PROCESSES);
    server.behave(Behaviour::Slow(Duration::from_millis(700)));
    assert_is_down(&exporter.scrape_within(Duration::from_secs(2)));
    server.behave(Behaviour::Proper);
    server.forget();
    assert_all(&exporter, V2_4, PROCESSES);
    assert!(server.requests().len() <= 12, "{}", server.requests().len());
}

/// Names that come and go are not asked for for ever.
#[test]
fn groups_that_were_seen_are_forgotten_at_some_number() {
    let (_directory, server, exporter) = start(V3_6, 8);
    for round in 0..5 {
        let groups = (0..1000).map(|number| {
            let group = format!("group-{round}-{number}");
            (group.into_bytes(), b"name".to_vec(), 1)
        });
        let all = statistics(V3_6, 8).into_iter().chain(groups).collect();
        server.change(|statistics| *statistics = all);
        assert_all(&exporter, V3_6, 8);
    }
    server.change(|all| *all = statistics(V3_6, 500));
    assert_all(&exporter, V3_6, 500);
    assert_settles(&exporter, &server, V3_6, 500, 4);
}

/// Groups that were read are lost for one pause at most by a moment in which they do not fit.
#[test]
fn a_moment_of_little_memory_costs_no_group_for_long() {
    for processes in [8, 500] {
        let (_directory, server, exporter) = start(V3_6, processes);
        let variable = |number: usize| {
            let name = format!("a variable of the script {number:03}");
            (b"script".to_vec(), name.into_bytes(), 1)
        };
        server.change(|all| all.extend((0..700).map(variable)));
        assert_all(&exporter, V3_6, processes);
        server.become_version(V3_6.with_limit(20_000));
        exporter.scrape();
        server.become_version(V3_6);
        wait_until("the pause is over", || {
            let page = exporter.scrape();
            let family = page.family("opensips_statistic");
            family.is_some_and(|family| family.samples.len() >= 700)
        });
        exporter.wait_for_log("no group is left out of the page any more");
        assert_all(&exporter, V3_6, processes);
    }
}
