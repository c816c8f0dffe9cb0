//! A clock that is wrong.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::stand_in::{StandIn, V2_4};
use crate::support::{Exporter, TempDir, assert_up, binary, captured, emulator};

/// A clock that stands one second before 1970.
const CLOCK: &str = r#"
    unsafe extern "C" { fn syscall(number: i64, ...) -> i64; }
    const CLOCK_GETTIME: i64 = if cfg!(target_arch = "aarch64") { 113 } else { 228 };
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32 {
        if clock == 0 {
            unsafe { *time = [-1, 0] };
            return 0;
        }
        unsafe { syscall(CLOCK_GETTIME, clock, time) as i32 }
    }
"#;

/// The library that is that clock.
fn clock(directory: &TempDir) -> PathBuf {
    let (source, library) = (directory.join("clock.rs"), directory.join("libclock.so"));
    fs::write(&source, CLOCK).expect("the source");
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let status = Command::new(rustc)
        .args([
            "--edition=2024",
            "--crate-type=cdylib",
            "-Cpanic=abort",
            "-o",
        ])
        .args([&library, &source])
        .status();
    assert!(status.expect("rustc").success());
    library
}

#[test]
fn a_clock_before_1970_costs_no_answer() {
    if emulator().is_some() || env::var_os("TESTED_BINARY").is_some() {
        // A static binary loads no library.
        return;
    }
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let _server = StandIn::start(&socket, V2_4, &captured());
    let mut command = binary();
    command.env("LD_PRELOAD", clock(&directory));
    command
        .args(["--addr=127.0.0.1:0", "--socket"])
        .arg(&socket);
    let exporter = Exporter::run(command);
    assert_up(&exporter);
    for (target, status) in [("/metrics", 200), ("/", 200), ("/x", 404)] {
        let answer = exporter.get(target);
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["date"], "Thu, 01 Jan 1970 00:00:00 GMT");
    }
    let refused = exporter.send("BREW / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(refused.status, 501);
    assert_eq!(refused.headers["date"], "Thu, 01 Jan 1970 00:00:00 GMT");
    assert!(exporter.logged("please report this").is_empty());
}
