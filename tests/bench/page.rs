//! The page itself, from the bytes of a reply to the finished text, without any socket.

use std::hint::black_box;
use std::time::{Duration, Instant};

use opensips_exporter::processors::{Mapping, PROCESSORS};

use crate::allocations;
use crate::inputs::{DIALECTS, make, reply, statistics};

/// How long each figure is measured.
const TIME: Duration = Duration::from_millis(300);

/// The least time that `work` takes, in nanoseconds: what disturbs it only adds.
fn nanoseconds(mut work: impl FnMut()) -> f64 {
    let began = Instant::now();
    let mut least = Duration::MAX;
    while began.elapsed() < TIME {
        let start = Instant::now();
        for _ in 0..10 {
            work();
        }
        least = least.min(start.elapsed());
    }
    least.as_nanos() as f64 / 10.0
}

/// Prints the figures for each dialect and size.
pub fn run() {
    println!("The page, from a reply to the finished text, in process:");
    println!(
        "{:<9} {:>10} {:>8} {:>12} {:>8} {:>6} {:>15} {:>13}",
        "dialect",
        "statistics",
        "ns each",
        "allocations",
        "KiB out",
        "MB/s",
        "memcpy ns each",
        "scan ns each"
    );
    let mapping = Mapping::new(PROCESSORS);
    for &(dialect, version) in DIALECTS {
        for count in [100, 258, 1000, 5000] {
            let reply = reply(dialect, version, &statistics(count));
            let make = || make(&mapping, dialect, black_box(&reply));
            let allocations = allocations::during(|| {
                black_box(make());
            });
            let page = nanoseconds(|| {
                black_box(make());
            });
            let out = make();
            let mut copy = vec![0; out.len()];
            let memcpy = nanoseconds(|| {
                copy.copy_from_slice(black_box(&out));
                black_box(&copy);
            });
            let scan = nanoseconds(|| {
                let is_separator = |byte: &&u8| matches!(byte, b'\n' | b':' | b' ' | b',');
                black_box(black_box(&reply).iter().filter(is_separator).count());
            });
            let each = |nanoseconds: f64| nanoseconds / count as f64;
            println!(
                "{:<9} {count:>10} {:>8.1} {allocations:>12} {:>8.1} {:>6.0} {:>15.2} {:>13.2}",
                dialect.to_string(),
                each(page),
                out.len() as f64 / 1024.0,
                out.len() as f64 / page * 1000.0,
                each(memcpy),
                each(scan),
            );
        }
    }

    println!("\nGrowth of the time of a page with the statistics:");
    for &(dialect, version) in DIALECTS {
        let time = |count: usize| {
            let reply = reply(dialect, version, &statistics(count));
            nanoseconds(|| {
                black_box(make(&mapping, dialect, black_box(&reply)));
            })
        };
        let one = time(500);
        print!("{:<9}", dialect.to_string());
        for factor in [2, 4, 8, 16] {
            print!("  x{factor} costs x{:.1}", time(500 * factor) / one);
        }
        println!();
    }
}
