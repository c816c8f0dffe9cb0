//! The page itself, from the bytes of a reply to the finished text, without any socket.

use std::hint::black_box;
use std::time::{Duration, Instant};

use opensips_exporter::mi::Dialect;
use opensips_exporter::processors::{Mapping, PROCESSORS, Remembered};

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
    println!(
        "The page, from a reply to the finished text, in process. The first one of a server, and the next,"
    );
    println!("when it still has the same statistics:");
    println!(
        "{:<9} {:>10} {:>13} {:>12} {:>12} {:>8} {:>6} {:>15} {:>13}",
        "dialect",
        "statistics",
        "first ns each",
        "next ns each",
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
            let first = nanoseconds(|| {
                let mut out = Vec::new();
                make(
                    &mapping,
                    dialect,
                    black_box(&reply),
                    Remembered::default(),
                    &mut out,
                );
                black_box(&out);
            });
            let mut next = Next::new(&mapping, dialect, &reply);
            let allocations = allocations::during(|| {
                next.make();
            });
            let page = nanoseconds(|| {
                black_box(next.make());
            });
            let out = next.make();
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
                "{:<9} {count:>10} {:>13.1} {:>12.1} {allocations:>12} {:>8.1} {:>6.0} {:>15.2} {:>13.2}",
                dialect.to_string(),
                each(first),
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
            let mut next = Next::new(&mapping, dialect, &reply);
            nanoseconds(|| {
                black_box(next.make());
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

/// Makes the page of the same reply again and again.
struct Next<'r> {
    mapping: &'r Mapping,
    dialect: Dialect,
    reply: &'r [u8],
    remembered: Remembered,
}

impl<'r> Next<'r> {
    fn new(mapping: &'r Mapping, dialect: Dialect, reply: &'r [u8]) -> Self {
        let remembered = Remembered::default();
        let mut next = Next {
            mapping,
            dialect,
            reply,
            remembered,
        };
        next.make();
        next
    }

    fn make(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let remembered = std::mem::take(&mut self.remembered);
        let reply = black_box(self.reply);
        self.remembered = make(self.mapping, self.dialect, reply, remembered, &mut out);
        out
    }
}
