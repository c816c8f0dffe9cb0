//! The whole page for the captured reply of each version, byte for byte, through the real binary.

use crate::support::page::{Page, is_of_the_exporter};
use crate::support::stand_in::{
    KAMAILIO, KAMAILIO_6_1, StandIn, V1_10, V1_11, V2_4, V3_6, V4_0, Version, read_captured,
};
use crate::support::{compare_or_bless, fixture, server_with};

/// The page with a `#` for each value that differs from run to run.
pub fn steady(page: &str) -> String {
    page.lines()
        .map(|line| match line.rsplit_once(' ') {
            Some(("opensips_scrape_duration_seconds", _)) => {
                "opensips_scrape_duration_seconds #\n".to_string()
            }
            Some((series, _))
                if series.starts_with("opensips_scrape_collector_duration_seconds{") =>
            {
                format!("{series} #\n")
            }
            Some((series, _)) if series.starts_with("process_") => format!("{series} #\n"),
            Some((series, value)) if series.starts_with("opensips_exporter_build_info{") => {
                let (start, revision) = series.split_once("revision=\"").expect("a revision");
                let (revision, end) = revision.split_once('"').expect("its end");
                assert!(!revision.is_empty());
                let end = end.replace(env!("CARGO_PKG_VERSION"), "#");
                format!("{start}revision=\"#\"{end} {value}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect()
}

/// The page of a server without modules.
fn page(version: Version, captured: &str) -> String {
    page_with(version, captured, |_| {}, &[])
}

fn page_with(
    version: Version,
    captured: &str,
    prepare: impl FnOnce(&StandIn),
    flags: &[&str],
) -> String {
    let reply = std::fs::read(fixture(captured)).expect("the captured reply");
    let (_directory, server, exporter) = server_with(version, read_captured(&reply), flags);
    prepare(&server);
    let response = exporter.get("/metrics");
    assert_eq!(response.status, 200);
    Page::read(&response.body).expect("a valid page");
    steady(&response.text())
}

#[test]
fn page_of_each_version() {
    for version in [V1_11, V2_4, V3_6, V4_0, KAMAILIO, KAMAILIO_6_1] {
        let page = page_with(
            version,
            &format!("{}/get_statistics_all.reply", version.name),
            StandIn::load_modules,
            &[
                "--collect=all,tcp_connections,call_center_queue,rtp_relay",
                "--dialog-profiles=caller,inbound",
            ],
        );
        compare_or_bless(&fixture(&format!("{}/page.txt", version.name)), &page);
    }
}

#[test]
fn the_spelling_up_to_1_10_gives_the_same_page() {
    let older = page(V1_10, "1.11/get_statistics_all.reply");
    let version = |page: String| page.replace("1.10.5-notls", "1.11.11-notls");
    assert_eq!(version(older), page(V1_11, "1.11/get_statistics_all.reply"));
}

/// Names that the `statistics` module of a real server was made to use.
#[test]
fn page_of_odd_names() {
    for version in [V1_11, V2_4, V3_6, V4_0] {
        let reply = format!("{}/odd_get_statistics_group_dynamic.reply", version.name);
        let page = page(version, &reply);
        compare_or_bless(&fixture(&format!("{}/odd_page.txt", version.name)), &page);
    }
}

/// Every statistic of the captured replies arrives, and nothing else.
#[test]
fn every_statistic_is_on_the_page() {
    for version in [V1_11, V2_4, V3_6, V4_0, KAMAILIO, KAMAILIO_6_1] {
        let captured = format!("{}/get_statistics_all.reply", version.name);
        let reply = std::fs::read(fixture(&captured)).expect("the captured reply");
        let statistics = read_captured(&reply);
        let text = page(version, &captured);
        let samples = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter(|line| !is_of_the_exporter(line.split(['{', ' ']).next().unwrap_or_default()))
            .count();
        // Two metrics exist in two spellings: three samples of core, one of usrloc.
        assert_eq!(samples, statistics.len() + 4, "{}", version.name);
    }
}
