//! The files that `print` writes, as the programs read them that they are for. `make e2e` runs
//! this; it needs the Debian packages prometheus, systemd, groff-base and bash.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::TempDir;
use opensips_exporter::config::ASSETS;

/// Runs `program` of the Debian package `package`, and returns what it prints.
fn run(package: &str, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output
        .unwrap_or_else(|error| panic!("{program}: {error}: install the Debian package {package}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{program}: {printed}");
    printed
}

fn print(directory: &TempDir, asset: &str, file: &str) -> PathBuf {
    let found = ASSETS
        .iter()
        .find(|known| known.name == asset)
        .expect("a file");
    let path = directory.join(file);
    fs::write(&path, found.text()).expect("the file");
    path
}

fn as_text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[test]
#[ignore = "needs the Debian package prometheus: make e2e"]
fn each_alert_fires_when_it_should() {
    let directory = TempDir::new();
    let rules = print(&directory, "alerts", "alerts.yml");
    run(
        "prometheus",
        "promtool",
        &["check", "rules", as_text(&rules)],
    );
    let mut tested = String::new();
    for file in ["alerts.test.yml", "alerts-of-days.test.yml"] {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/assets");
        let tests = tests.join(file);
        tested += &fs::read_to_string(&tests).expect("the tests");
        run(
            "prometheus",
            "promtool",
            &["test", "rules", as_text(&tests)],
        );
    }
    let text = fs::read_to_string(rules).expect("the rules");
    for line in text.lines() {
        if let Some(alert) = line.trim().strip_prefix("- alert: ") {
            // Once where it does not fire, and once where it does.
            assert_eq!(
                tested.matches(&format!("alertname: {alert}")).count(),
                2,
                "{alert}"
            );
        }
    }
}

#[test]
#[ignore = "needs the Debian package prometheus: make e2e"]
fn prometheus_takes_the_scrape_configuration() {
    let directory = TempDir::new();
    let found = ASSETS
        .iter()
        .find(|asset| asset.name == "scrape-config")
        .expect("it");
    let path = directory.join("prometheus.yml");
    // At the end of what Debian brings along, as the README does it.
    let before = fs::read_to_string("/etc/prometheus/prometheus.yml");
    let before = before.expect("install the Debian package prometheus");
    fs::write(&path, before + &found.text()).expect("the file");
    run(
        "prometheus",
        "promtool",
        &["check", "config", as_text(&path)],
    );
}

#[test]
#[ignore = "needs the Debian package systemd: make e2e"]
fn the_unit_is_well_made_and_safe() {
    let directory = TempDir::new();
    let unit = print(&directory, "unit", "opensips_exporter.service");
    let text = fs::read_to_string(&unit).expect("the unit");
    // Verifying looks for the program.
    let text = text.replace("/usr/local/bin/opensips_exporter", "/bin/true");
    fs::write(&unit, text).expect("the unit");
    let socket = print(&directory, "socket", "opensips_exporter.socket");
    for file in [&unit, &socket] {
        let said = run("systemd", "systemd-analyze", &["verify", as_text(file)]);
        assert_eq!(said, "");
    }
    let arguments = ["security", "--offline=yes", "--no-pager", as_text(&unit)];
    let said = run("systemd", "systemd-analyze", &arguments);
    let level = said
        .lines()
        .find(|line| line.contains("Overall exposure level"));
    let level = level.and_then(|line| line.split(": ").nth(1)?.split(' ').next());
    let level: f64 = level.and_then(|level| level.parse().ok()).expect("a level");
    assert!(level <= 2.0, "{said}");
}

#[test]
#[ignore = "needs the Debian package groff-base: make e2e"]
fn the_manual_page_is_read_without_complaints() {
    let directory = TempDir::new();
    let page = print(&directory, "man", "opensips_exporter.8");
    let said = run(
        "groff-base",
        "groff",
        &["-man", "-Tascii", "-P-cbou", "-ww", as_text(&page)],
    );
    for text in [
        "--reply-dir DIR",
        "OPENSIPS_EXPORTER_REPLY_DIR",
        "EXIT STATUS",
        "textfile",
    ] {
        assert!(said.contains(text), "{text} in {said}");
    }
    assert!(!said.contains("warning"), "{said}");
}

#[test]
#[ignore = "needs the Debian package bash: make e2e"]
fn the_completions_complete_and_the_scripts_are_scripts() {
    let directory = TempDir::new();
    let path = print(&directory, "completions", "completions");
    let complete = |words: &str, at: usize| {
        let script = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={at}; _opensips_exporter; echo ${{COMPREPLY[@]}}",
            path.display()
        );
        run("bash", "bash", &["-uc", &script]).trim().to_string()
    };
    assert_eq!(complete("opensips_exporter --soc", 1), "--socket");
    assert_eq!(complete("opensips_exporter -soc", 1), "-socket");
    let dialects = "auto line jsonrpc kamailio";
    assert_eq!(complete("opensips_exporter --dialect ''", 2), dialects);
    assert_eq!(complete("opensips_exporter -dialect = ''", 3), dialects);
    assert_eq!(complete("opensips_exporter --log.format j", 2), "json");
    assert_eq!(complete("opensips_exporter --socket ''", 2), "");
    assert_eq!(complete("opensips_exporter ch", 1), "check");
    assert_eq!(complete("opensips_exporter print un", 2), "unit");
    for asset in ["openrc", "procd"] {
        let path = print(&directory, asset, asset);
        run("dash", "sh", &["-n", as_text(&path)]);
    }
}
