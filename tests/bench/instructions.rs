//! Makes the page of a reply so many times, for callgrind to count: `instructions DIALECT STATISTICS TIMES`.

mod inputs;
#[path = "../support/mod.rs"]
#[allow(unused_imports)]
mod support;

use std::hint::black_box;

use opensips_exporter::processors::{Mapping, PROCESSORS};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dialect, count, times] = arguments.as_slice() else {
        panic!("usage: instructions DIALECT STATISTICS TIMES");
    };
    let mut dialects = inputs::DIALECTS.iter();
    let known = dialects.find(|(known, _)| known.to_string() == *dialect);
    let &(dialect, version) = known.expect("a dialect");
    let count: usize = count.parse().expect("a number");
    let times: usize = times.parse().expect("a number");

    let mapping = Mapping::new(PROCESSORS);
    let reply = inputs::reply(dialect, version, &inputs::statistics(count));
    for _ in 0..times {
        let mut out = Vec::new();
        inputs::make(&mapping, dialect, black_box(&reply), &mut out);
        black_box(&out);
    }
}
