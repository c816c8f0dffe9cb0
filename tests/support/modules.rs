//! Servers with modules, and the states on a page.

use super::page::Page;
use super::stand_in::{KAMAILIO, StandIn, Version, read_captured};
use super::{Exporter, TempDir, captured, fixture, server_with};

/// An exporter for a server with modules, which `prepare` teaches what to answer.
pub fn exporter(
    version: Version,
    flags: &[&str],
    prepare: impl FnOnce(&StandIn),
) -> (TempDir, StandIn, Exporter) {
    let reply = match version.speaks_like(KAMAILIO) {
        // It tells by commands what OpenSIPS tells by statistics.
        true => std::fs::read(fixture(&format!(
            "{}/get_statistics_all.reply",
            version.name
        ))),
        false => Ok(captured()),
    };
    let statistics = read_captured(&reply.expect("the capture"));
    let (directory, server, exporter) = server_with(version, statistics, flags);
    server.load_modules();
    prepare(&server);
    (directory, server, exporter)
}

/// The samples of `family` as they stand on the page, without its name, their labels in the order
/// of the alphabet.
pub fn samples(page: &Page, family: &str) -> Vec<String> {
    let family = page.family(family);
    let samples = family.iter().flat_map(|family| &family.samples);
    let shown = samples.map(|sample| {
        let labels = sample.labels.iter().filter(|(_, value)| !value.is_empty());
        let labels = labels.map(|(name, value)| format!("{name}={value}"));
        format!("{} {}", labels.collect::<Vec<_>>().join(","), sample.value)
    });
    shown.collect()
}

pub fn success(page: &Page, collector: &str) -> Option<String> {
    let value = page.value(
        "opensips_scrape_collector_success",
        &[("collector", collector)],
    );
    value.map(str::to_string)
}
