//! Attacks, and a system that gives little. They measure what the process takes and how fast it
//! answers, so they run apart from all other tests, and one after the other.
//!
//! Small sizes by default; `make hostile` runs the full ones on the static release binary.

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod crowds;
mod descriptors;
mod limits;
mod replies;

use std::sync::{Mutex, MutexGuard, PoisonError};

use support::attack::is_full;
use support::stand_in::{StandIn, V2_4};
use support::{Exporter, TempDir, binary_path, captured, command};

/// Waits until no other test has the machine, if attacks have their full sizes.
fn alone() -> Option<MutexGuard<'static, ()>> {
    static MACHINE: Mutex<()> = Mutex::new(());
    is_full().then(|| MACHINE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A stand-in, and an exporter that asks it and may have so many `descriptors`.
fn with_descriptors(descriptors: usize) -> (TempDir, StandIn, Exporter) {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let server = StandIn::start(&socket, V2_4, &captured());
    let limit = format!("--nofile={descriptors}");
    let mut limited = command(&["prlimit", &limit], &binary_path());
    limited
        .args(["--addr=127.0.0.1:0", "--socket"])
        .arg(&socket);
    (directory, server, Exporter::run(limited))
}
