//! `--collect` and `--exclude`: what is not collected is not asked for.

use crate::support::many_processes::statistics;
use crate::support::page::Page;
use crate::support::stand_in::{
    Behaviour, KAMAILIO, StandIn, V1_11, V2_4, V3_6, V4_0, VERSIONS, Version, read_captured,
    script_variable,
};
use crate::support::{Exporter, TempDir, binary, fixture, server_with, wait_until};

fn start(version: Version, arguments: &[&str]) -> (TempDir, StandIn, Exporter) {
    let name = version.name.replace("1.10", "1.11");
    let reply = std::fs::read(fixture(&format!("{name}/get_statistics_all.reply")));
    let statistics = read_captured(&reply.expect("the capture"));
    server_with(version, statistics, arguments)
}

#[test]
fn an_excluded_group_is_neither_asked_for_nor_on_the_page() {
    for &version in VERSIONS {
        let (_directory, server, all) = start(version, &[]);
        let whole = all.scrape();
        let (_directory2, server2, exporter) = start(version, &["--exclude=pkmem,LOAD:"]);
        let _ = server;
        for _ in 0..3 {
            let page = exporter.scrape();
            assert_eq!(page.up(), "1", "{}", version.name);
            // All others are there, those of the configuration too.
            let is_left = |name: &&str| {
                !name.starts_with("opensips_pkmem_") && !name.starts_with("opensips_load_")
            };
            let expected: Vec<&str> = whole.of_server().into_iter().filter(is_left).collect();
            assert_eq!(page.of_server(), expected, "{}", version.name);
            let count = |page: &Page| {
                let unclaimed = page.family("opensips_statistic");
                unclaimed.map_or(0, |family| family.samples.len())
            };
            assert_eq!(count(&page), count(&whole), "{}", version.name);
        }
        let requests = server2.requests();
        assert_eq!(requests.len(), 3);
        if version.name != KAMAILIO.name {
            let requests = requests.join(" ");
            assert!(
                !requests.contains("pkmem") && !requests.contains("load"),
                "{requests}"
            );
        }
        assert!(server2.commands().len() <= 2, "{:?}", server2.commands());
    }
}

#[test]
fn only_what_is_to_be_collected_is_asked_for() {
    for version in [V1_11, V2_4, V3_6, KAMAILIO] {
        let (_directory, server, exporter) = start(version, &["--collect", "core, registrar:"]);
        let page = exporter.scrape();
        assert_eq!(page.up(), "1");
        let mut names = page.of_server().into_iter();
        let is_right = |name: &str| {
            [
                "opensips_core_",
                "opensips_registrar_",
                "opensips_statistic",
            ]
            .iter()
            .any(|start| name.starts_with(start))
        };
        assert!(names.all(is_right), "{:?}", page.of_server());
        assert!(page.family("opensips_registrar_max_expires").is_some());
        assert!(page.family("opensips_process_info").is_none());
        let requests = server.requests().join(" ");
        assert!(
            !requests.contains("all") && requests.contains("core:"),
            "{requests}"
        );
    }
}

#[test]
fn the_url_chooses_within_that() {
    let (_directory, server, exporter) = start(V2_4, &["--collect=core,tm"]);
    for (query, status) in [
        ("collect[]=core:", 200),
        ("collect[]=all", 200),
        ("collect[]=tm", 200),
        ("collect[]=rcv_requests", 200),
        ("collect[]=fragments", 200),
        ("collect[]=pkmem:", 400),
        ("collect[]=core:&collect[]=shmem:", 400),
    ] {
        server.forget();
        let response = exporter.get(&format!("/metrics?{query}"));
        assert_eq!(response.status, status, "{query}");
        assert_eq!(
            server.requests().len(),
            usize::from(status == 200),
            "{query}"
        );
        let text = response.text();
        assert!(
            status == 200 || text.contains("is not collected by this exporter"),
            "{text}"
        );
        assert!(!text.contains("opensips_shmem"), "{text}");
    }
    let page = exporter.get("/").text();
    assert!(
        page.contains(">core<") && !page.contains(">pkmem<"),
        "{page}"
    );
    assert_eq!(exporter.get("/-/ready").status, 200);

    let (_directory, _server, exporter) = start(V3_6, &["--exclude=pkmem"]);
    assert_eq!(exporter.get("/metrics?collect[]=pkmem:").status, 400);
    assert_eq!(exporter.get("/metrics?collect[]=pkmem").status, 400);
    assert_eq!(exporter.get("/metrics?collect[]=load:").status, 200);
}

/// That is what it is for.
#[test]
fn without_the_groups_of_processes_a_large_server_is_asked_once() {
    for version in [V1_11, V2_4, V3_6, V4_0] {
        let (_directory, server, exporter) = server_with(
            version,
            statistics(version, 2000),
            &["--exclude=pkmem,load"],
        );
        for _ in 0..3 {
            let page = exporter.scrape();
            assert_eq!(page.up(), "1", "{:#?}", exporter.log());
            assert_eq!(page.value("opensips_core_requests_total", &[]), Some("370"));
            assert!(page.family("opensips_process_info").is_none());
        }
        assert_eq!(server.requests().len(), 3, "{}", version.name);
        // Its own groups cannot be found, and that is told. 1.x has none.
        let told = exporter.logged("name them by --collect=all,GROUP");
        assert_eq!(told.len(), usize::from(version.name != "1.11"), "{told:?}");
    }
}

#[test]
fn what_leaves_nothing_is_refused() {
    for arguments in [
        &["--collect=core", "--exclude=CORE"][..],
        &["--exclude=all"],
        &["--collect=core:rcv_requests"],
        &["--collect=,"],
    ] {
        let output = binary().args(arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            text.contains("--collect") || text.contains("--exclude"),
            "{text}"
        );
    }
}

#[test]
fn a_group_may_be_too_large_also_by_its_name() {
    let mut all = statistics(V2_4, 4);
    all.extend((0..3000).map(script_variable));
    let (_directory, server, exporter) =
        server_with(V2_4, all, &["--collect=core,SCRIPT,PKMEM", "--timeout=20s"]);
    for _ in 0..4 {
        let page = exporter.scrape();
        assert_eq!(page.up(), "1", "{:#?}", exporter.log());
        assert!(page.family("opensips_pkmem_used_size").is_some());
    }
    let told = exporter.logged("left out of the page");
    assert!(told.len() == 1 && told[0].contains("script:"), "{told:?}");
    // And back when it fits again.
    server.change(|all| *all = statistics(V2_4, 4));
    server.change(|all| all.push((b"script".into(), b"x".into(), 1)));
    let labels = [("group", "script"), ("name", "x")];
    wait_until("the pause is over", || {
        let page = exporter.scrape();
        page.value("opensips_statistic", &labels).is_some()
    });
}

/// The script or a module may make it later.
#[test]
fn a_group_may_not_be_there_yet() {
    let (directory, server, exporter) = start(V2_4, &["--collect=nosuch"]);
    let page = exporter.scrape();
    assert_eq!(page.up(), "1", "{:#?}", exporter.log());
    assert_eq!(page.of_server(), Vec::<&str>::new());
    let mut check = binary();
    check.args(["check", "--collect=nosuch", "--socket"]);
    let output = check.arg(directory.join("mi.sock")).output();
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("has nothing of nosuch"), "{text}");
    server.change(|all| all.push((b"nosuch".into(), b"x".into(), 7)));
    let labels = [("group", "nosuch"), ("name", "x")];
    assert_eq!(
        exporter.scrape().value("opensips_statistic", &labels),
        Some("7")
    );
}

/// Statistics are worth more than the names of groups.
#[test]
fn a_server_that_lists_nothing_is_read_all_the_same() {
    for version in [V2_4, V3_6] {
        for timeout in ["1s", "2s"] {
            let timeout = format!("--timeout={timeout}");
            let (_directory, server, exporter) = server_with(
                version,
                statistics(version, 4),
                &["--exclude=pkmem", &timeout],
            );
            server.behave(Behaviour::Mute("list_statistics"));
            for _ in 0..4 {
                assert_eq!(
                    exporter.scrape().up(),
                    "1",
                    "{timeout} {:#?}",
                    exporter.log()
                );
            }
        }
    }
}
