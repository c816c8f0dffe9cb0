//! What the exporter takes of a machine.

use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::scrape::{Program, get, serve};
use crate::support::TempDir;

/// After how many scrapes to look. From the second last to the last nothing may grow.
const SCRAPES: [usize; 4] = [1, 1_000, 5_000, 10_000];

/// What the kernel's pages may come to that threads use for the first time.
const TOLERANCE: f64 = 0.03;

/// Clients that ask at once.
const CLIENTS: usize = 64;

/// What the process may take at rest: threads, descriptors, and kB of memory before and after
/// [`CLIENTS`] asked at once.
const THREADS: usize = 12;
const DESCRIPTORS: usize = 25;
const MEMORY: u64 = 2_200;
const MEMORY_AFTERWARDS: u64 = 3_500;

/// How long it may take to come to rest.
const RECOVERY: Duration = Duration::from_secs(20);

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

    let size = std::fs::metadata(exporter).map_or(0, |file| file.len());
    println!("\nFootprint of {}:", exporter.display());
    println!("size: {size} bytes");
    println!(
        "exec to first answered scrape: {:.1} ms (median of {}), at most {:.1} ms",
        times[times.len() / 2],
        times.len(),
        times[times.len() - 1]
    );
    rest(&start());

    let program = start();
    let mut stream = program.connect();
    let mut done = 0;
    let mut memory = Vec::new();
    println!(
        "{:>8} {:>12} {:>8} {:>12}",
        "scrapes", "RSS in kB", "threads", "descriptors"
    );
    for scrapes in SCRAPES {
        for _ in done..scrapes {
            get(&mut stream, true);
        }
        done = scrapes;
        let resident = resident(&program);
        memory.push(resident);
        println!(
            "{scrapes:>8} {resident:>12} {:>8} {:>12}",
            program.count("task"),
            program.count("fd")
        );
    }
    if let [.., before, after] = memory.as_slice() {
        let grown = *after as f64 / *before as f64 - 1.0;
        println!("growth over the last row: {:.1} %", grown * 100.0);
        assert!(grown < TOLERANCE, "memory grows");
    }
}

/// Prints what `program` takes at rest, before and after many ask at once.
fn rest(program: &Program) {
    get(&mut program.connect(), false);
    wait_for_threads(program, THREADS);
    let (memory, descriptors) = (resident(program), program.count("fd"));
    println!(
        "at rest: {memory} kB, {} threads, {descriptors} descriptors",
        program.count("task")
    );
    assert!(memory <= MEMORY && descriptors <= DESCRIPTORS);
    let all = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                all.wait();
                get(&mut program.connect(), false);
            });
        }
    });
    let (memory, threads) = (resident(program), program.count("task"));
    println!("after {CLIENTS} clients at once: {memory} kB, {threads} threads");
    wait_for_threads(program, threads / 2);
    let (memory, threads) = (resident(program), program.count("task"));
    println!("at rest again: {memory} kB, {threads} threads");
    assert!(memory <= MEMORY_AFTERWARDS);
}

/// Waits until `program` has no more threads than `most`.
fn wait_for_threads(program: &Program, most: usize) {
    let began = Instant::now();
    while program.count("task") > most {
        assert!(began.elapsed() < RECOVERY, "more than {most} threads");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Memory of the program that is in use, in kB.
fn resident(program: &Program) -> u64 {
    let status = program.proc("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("proc(5) says how much memory is in use")
}
