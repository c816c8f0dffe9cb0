//! What a scrape costs, see `make bench`.

mod allocations;
mod inputs;
mod page;
#[path = "../support/mod.rs"]
#[allow(unused_imports)]
mod support;

fn main() {
    page::run();
}
