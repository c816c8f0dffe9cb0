//! The Debian packages: installed, started and removed again, that of another architecture under an
//! emulator. `make package-test` builds them and runs this.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::stand_in::{StandIn, V3_6};
use crate::support::{Exporter, TempDir, captured, command};

const FILES: &[&str] = &[
    "/usr/bin/opensips_exporter",
    "/lib/systemd/system/opensips_exporter.service",
    "/etc/default/opensips_exporter",
    "/usr/share/man/man8/opensips_exporter.8.gz",
    "/usr/share/bash-completion/completions/opensips_exporter",
    "/usr/share/doc/opensips-exporter/copyright",
    "/usr/share/doc/opensips-exporter/changelog.gz",
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

/// Runs `words` as root, and returns what they print.
fn as_root(words: &[&str]) -> String {
    let user = Command::new("id").arg("-u").output().expect("id");
    let sudo = if user.stdout == b"0\n" {
        None
    } else {
        Some("sudo")
    };
    let mut words = sudo.into_iter().chain(words.iter().copied());
    let mut command = Command::new(words.next().expect("a program"));
    let output = command.args(words).output();
    let output = output.expect("a Debian system, with sudo for others than root");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    printed
}

/// Removes the package however the test ends.
struct Installed;

impl Drop for Installed {
    fn drop(&mut self) {
        as_root(&["dpkg", "--purge", "opensips-exporter"]);
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
    as_root(&["dpkg", "--force-architecture", "--install", package]);
    {
        let _installed = Installed;
        for file in FILES {
            assert!(Path::new(file).exists(), "{file}");
        }
        let settings = std::fs::read_to_string("/etc/default/opensips_exporter").expect("it");
        assert!(settings.contains("\n#OPENSIPS_EXPORTER_SOCKET=/"));
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

/// What the package asks of systemd, which here only says what it was asked. Nothing of the machine
/// is changed: /run and the units are in memory, and only the script sees them.
#[test]
#[ignore = "needs to be root: make package-test"]
fn the_service_starts_and_ends_with_the_package() {
    let directory = TempDir::new();
    let systemctl = r#"#!/bin/sh
        link=/etc/systemd/system/multi-user.target.wants/opensips_exporter.service
        echo "$@"
        case $1 in
        enable) mkdir -p "${link%/*}"; ln -s x "$link" ;;
        disable) rm "$link" ;;
        is-enabled) [ -L "$link" ] ;;
        esac"#;
    let getent = r#"#!/bin/sh
        [ -e "/run/with_$2" ]"#;
    for (name, text) in [("systemctl", systemctl), ("getent", getent)] {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("a program");
        std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a program");
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/assets/debian");
    let said = |steps: &str| {
        let script = format!(
            "set -e; mount -t tmpfs none /run; mkdir -p /run/systemd/system; mount -t tmpfs none /etc/systemd/system
             export PATH={}:$PATH; cd {}; {steps}",
            directory.path().display(),
            scripts.display()
        );
        as_root(&["unshare", "--mount", "sh", "-c", &script])
    };
    let (install, remove) = (
        "sh postinst configure ''",
        "sh prerm remove; sh postrm remove",
    );
    let (again, purge) = ("sh postinst configure 0.1.0", "sh postrm purge");
    let installed = "daemon-reload\nenable --now opensips_exporter.service\n";
    let removed = "stop opensips_exporter.service\ndaemon-reload\n";
    let asked = "daemon-reload\nis-enabled --quiet opensips_exporter.service\n";
    let restarted = "restart opensips_exporter.service\n";
    assert_eq!(said(install), installed);
    assert_eq!(
        said(&format!("{install}; {again}")),
        format!("{installed}{asked}{restarted}")
    );
    assert_eq!(
        said(&format!("{install}; {remove}; {again}")),
        format!("{installed}{removed}{asked}{restarted}")
    );
    assert_eq!(
        said(&format!("{install}; systemctl disable; {again}")),
        format!("{installed}disable\n{asked}try-{restarted}")
    );
    assert_eq!(
        said(&format!(
            "{install}; {remove}; {purge}; ls /etc/systemd/system/*/"
        )),
        format!("{installed}{removed}daemon-reload\n")
    );
    // The groups that there are, which may come and go.
    let groups = "cat /etc/systemd/system/opensips_exporter.service.d/groups.conf";
    let all = "touch /run/with_opensips /run/with_kamailio";
    let told = said(&format!("{all}; {install}; {groups}"));
    assert!(
        told.ends_with("[Service]\nSupplementaryGroups=opensips kamailio\n"),
        "{told}"
    );
    let told = said(&format!(
        "{all}; {install}; rm /run/with_opensips; {again}; {groups}"
    ));
    assert!(told.ends_with("\nSupplementaryGroups=kamailio\n"), "{told}");
    let none = "! find /etc/systemd/system | grep groups.conf";
    said(&format!(
        "{all}; {install}; rm /run/with_*; {again}; {none}"
    ));
    said(&format!("{all}; {install}; {remove}; {purge}; {none}"));
    assert!(said("rmdir /run/systemd/system; sh postinst configure ''").is_empty());
}
