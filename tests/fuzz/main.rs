//! Inputs that nobody thought of: captured replies and good requests, changed at random, for
//! everything that reads bytes from outside. What has to hold of each stands in [`targets`].
//!
//! The same FUZZ_SEED makes the same inputs in the same order; FUZZ_SECONDS is for how long.

mod mutation;
#[path = "../support/page.rs"]
#[allow(dead_code)]
mod page;
mod targets;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use mutation::Random;

/// The seed, unless FUZZ_SEED is another one.
const SEED: u64 = 20_240_229;

/// How long each target runs, unless FUZZ_SECONDS says otherwise.
const SECONDS: u64 = 1;

/// The most inputs that are kept to be changed again.
const MOST: usize = 4000;

/// What a check saw of an input, roughly: one that shows something new is kept.
type Outcome = [usize; 3];

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable);
    text.map_or(default, |text| text.parse().expect(variable))
}

/// Gives `inputs` to `check`, and then changed ones until the time is over or it panics.
fn fuzz(target: &str, mut inputs: Vec<Vec<u8>>, check: impl Fn(&[u8]) -> Outcome) {
    let seed = number("FUZZ_SEED", SEED);
    let end = Instant::now() + Duration::from_secs(number("FUZZ_SECONDS", SECONDS));
    let mut random = Random::new(seed);
    let mut seen = BTreeSet::new();
    let mut count = 0;
    let mut is_new = |input: &[u8]| {
        count += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| check(input))).unwrap_or_else(|panic| {
            let input = input.escape_ascii();
            eprintln!("{target}, FUZZ_SEED={seed}, input {count}: b\"{input}\"");
            resume_unwind(panic)
        });
        seen.insert(outcome.map(|count| usize::BITS - count.leading_zeros()))
    };
    for input in &inputs {
        is_new(input);
    }
    let given = inputs.len();
    while Instant::now() < end {
        let input = mutation::change(&inputs, &mut random);
        if is_new(&input) && inputs.len() < MOST {
            inputs.push(input);
        }
    }
    println!("{target}: {count} inputs, {} kept", inputs.len() - given);
}
