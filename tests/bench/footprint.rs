//! What the exporter takes of a machine.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::scrape::{Program, get, serve};
use crate::support::TempDir;

/// Scrapes after which nothing may have grown.
const SCRAPES: usize = 10_000;

/// Prints size, memory, threads, descriptors and the time of the first scrape of `exporter`.
pub fn run(exporter: &Path) {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    serve(&socket);
    let start = || {
        Program::start(
            Command::new(exporter)
                .env_clear()
                .args(["--addr=127.0.0.1:0", "--socket"])
                .arg(&socket),
        )
    };
    let mut times: Vec<f64> = (0..20)
        .map(|_| {
            let began = Instant::now();
            let program = start();
            get(&mut program.connect(), false);
            began.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);

    let memory = |program: &Program| {
        let status = program.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        line.map(|line| line.trim_start_matches("VmRSS:").trim().to_string())
            .unwrap_or_default()
    };
    let program = start();
    let mut stream = program.connect();
    get(&mut stream, true);
    let (before, threads, descriptors) =
        (memory(&program), program.count("task"), program.count("fd"));
    for _ in 0..SCRAPES {
        get(&mut stream, true);
    }
    let size = std::fs::metadata(exporter).map_or(0, |file| file.len());
    println!("\nFootprint of {}:", exporter.display());
    println!("size                                 {size} bytes");
    println!(
        "exec to first answered scrape        {:.1} ms (median of {}), at most {:.1} ms",
        times[times.len() / 2],
        times.len(),
        times[times.len() - 1]
    );
    println!("memory (RSS) after the first scrape  {before}");
    println!(
        "memory after {SCRAPES} more            {}",
        memory(&program)
    );
    println!("threads, descriptors                 {threads}, {descriptors}");
    println!(
        "threads, descriptors then            {}, {}",
        program.count("task"),
        program.count("fd")
    );
}
