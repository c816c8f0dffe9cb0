//! The Debian packages: installed, started and removed again, that of another architecture under an emulator.
//! `make package-test` builds them and runs this.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::stand_in::{StandIn, V3_6};
use support::{Exporter, TempDir, captured, command};

const FILES: &[&str] = &[
    "/usr/bin/opensips_exporter",
    "/lib/systemd/system/opensips_exporter.service",
    "/etc/default/opensips_exporter",
    "/usr/share/man/man8/opensips_exporter.8.gz",
    "/usr/share/bash-completion/completions/opensips_exporter",
    "/usr/share/doc/opensips-exporter/copyright",
];

/// The architectures as Debian calls them, and what their binaries run under on other machines.
const ARCHITECTURES: &[(&str, &str, &str)] = &[
    ("x86_64", "amd64", "qemu-x86_64-static"),
    ("aarch64", "arm64", "qemu-aarch64-static"),
];

fn package(architecture: &str) -> PathBuf {
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("opensips-exporter_{version}_{architecture}.deb");
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/deb")
        .join(name)
}

/// Runs dpkg as root, and returns what it prints.
fn dpkg(arguments: &[&str]) -> String {
    let user = Command::new("id").arg("-u").output().expect("id");
    let mut command = if user.stdout == b"0\n" {
        Command::new("dpkg")
    } else {
        let mut command = Command::new("sudo");
        command.arg("dpkg");
        command
    };
    let output = command
        .args(arguments)
        .output()
        .expect("dpkg: needs a Debian system");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    printed
}

/// Removes the package however the test ends.
struct Installed;

impl Drop for Installed {
    fn drop(&mut self) {
        dpkg(&["--purge", "opensips-exporter"]);
    }
}

#[test]
#[ignore = "changes the system: make package-test"]
fn the_packages_are_installed_run_and_go() {
    for (machine, architecture, emulator) in ARCHITECTURES {
        let is_native = *machine == std::env::consts::ARCH;
        let wrapper = if is_native { &[][..] } else { &[*emulator][..] };
        is_installed_runs_and_goes(&package(architecture), wrapper);
    }
}

fn is_installed_runs_and_goes(package: &Path, wrapper: &[&str]) {
    let package = package.to_str().expect("a path");
    dpkg(&["--force-architecture", "--install", package]);
    {
        let _installed = Installed;
        for file in FILES {
            assert!(Path::new(file).exists(), "{file}");
        }
        let settings = std::fs::read_to_string("/etc/default/opensips_exporter").expect("it");
        assert!(settings.contains("OPENSIPS_EXPORTER_SOCKET=/"));
        let unit = std::fs::read_to_string(FILES[1]).expect("the unit");
        assert!(unit.contains("ExecStart=/usr/bin/opensips_exporter\n"));
        let verified = Command::new("systemd-analyze")
            .args(["verify", FILES[1]])
            .output();
        let verified = verified.expect("systemd-analyze: install the Debian package systemd");
        assert_eq!(String::from_utf8_lossy(&verified.stderr), "");

        let directory = TempDir::new();
        let socket = directory.join("mi.sock");
        let _server = StandIn::start(&socket, V3_6, &captured());
        let mut command = command(wrapper, Path::new(FILES[0]));
        command
            .env("OPENSIPS_EXPORTER_SOCKET", &socket)
            .env("OPENSIPS_EXPORTER_ADDR", "127.0.0.1:0");
        let exporter = Exporter::run(command);
        assert_eq!(exporter.scrape().up(), "1");
    }
    for file in FILES {
        assert!(!Path::new(file).exists(), "{file} is left");
    }
}
