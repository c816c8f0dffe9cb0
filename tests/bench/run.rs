//! What a scrape costs, see `make bench`.

mod allocations;
mod footprint;
mod inputs;
mod page;
mod scrape;
#[path = "../support/mod.rs"]
#[allow(unused_imports)]
mod support;

use std::path::PathBuf;

fn main() {
    page::run();
    let program = |variable: &str| {
        let path = std::env::var_os(variable).map(PathBuf::from);
        path.unwrap_or_else(|| panic!("{variable} is not set, see make bench"))
    };
    let exporter = program("BENCH_EXPORTER");
    scrape::run(&exporter, &program("BENCH_NULL_EXPORTER"));
    footprint::run(&exporter);
}
