//! Counts the instructions of a page by callgrind and compares them with
//! `tests/fixtures/instructions.tsv`: unlike times they are the same in every run. `BLESS=1` writes
//! the file.
//!
//! With arguments, `DIALECT STATISTICS TIMES`, it makes the page of a reply so many times: that is
//! what is counted, twice, so that what comes before does not matter.

mod inputs;
#[path = "../support/mod.rs"]
#[allow(unused_imports)]
mod support;

use std::fmt::Write;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use opensips_exporter::processors::{Mapping, PROCESSORS};

use inputs::DIALECTS;
use support::fixture;

/// What may be more than the file says, in percent.
const TOLERANCE: f64 = 5.0;

const SIZES: &[usize] = &[258, 1000, 5000];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [dialect, count, times] => {
            let number = |text: &String| text.parse().expect("a number");
            make_pages(dialect, number(count), number(times));
            ExitCode::SUCCESS
        }
        _ => compare(),
    }
}

fn make_pages(dialect: &str, count: usize, times: usize) {
    let mut dialects = DIALECTS.iter();
    let known = dialects.find(|(known, _)| known.to_string() == dialect);
    let &(dialect, version) = known.expect("a dialect");
    let mapping = Mapping::new(PROCESSORS);
    let reply = inputs::reply(dialect, version, &inputs::statistics(count));
    for _ in 0..times {
        black_box(inputs::make(&mapping, dialect, black_box(&reply)));
    }
}

/// The instructions of a page.
fn count(dialect: &str, statistics: usize) -> Result<f64, String> {
    let total = |times: usize| {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args([dialect, &statistics.to_string(), &times.to_string()])
            .output()
            .map_err(|error| {
                format!("make bench-check needs valgrind (Debian package valgrind): {error}")
            })?;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut collected = log
            .lines()
            .filter_map(|line| line.split("Collected : ").nth(1));
        let collected = collected
            .next()
            .and_then(|number| number.trim().parse::<f64>().ok());
        collected.ok_or_else(|| format!("valgrind counted nothing:\n{log}"))
    };
    Ok((total(15)? - total(5)?) / 10.0)
}

fn compare() -> ExitCode {
    let path = fixture("instructions.tsv");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let mut table = String::from("dialect\tstatistics\tinstructions for each\n");
    let mut is_right = true;
    let dialects = DIALECTS.iter().map(|(dialect, _)| dialect.to_string());
    let cases = dialects.flat_map(|dialect| SIZES.iter().map(move |size| (dialect.clone(), *size)));
    for (dialect, statistics) in cases {
        let each = match count(&dialect, statistics) {
            Ok(page) => page / statistics as f64,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        let start = format!("{dialect}\t{statistics}\t");
        let before = known
            .lines()
            .find_map(|line| line.strip_prefix(&start)?.parse::<f64>().ok());
        let more = before.map_or(f64::INFINITY, |before| (each / before - 1.0) * 100.0);
        println!(
            "{dialect:<9} {statistics:>5} statistics: {each:>7.1} instructions for each, {more:+.1} %"
        );
        is_right &= more <= TOLERANCE;
        let _ = writeln!(table, "{start}{each:.1}");
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, table).expect("the file is written");
    } else if !is_right {
        eprintln!(
            "more than {TOLERANCE} % above {}: mend it, or say why and run make bench-bless",
            path.display()
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
