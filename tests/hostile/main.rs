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

/// Waits until no other test has the machine.
fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}
