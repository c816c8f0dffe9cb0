//! The command line and the environment, as an operator meets them.

use std::os::unix::ffi::OsStrExt;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Exporter, PATIENCE, binary};

/// Runs the binary to its end, which must come by itself.
pub fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut child = binary()
        .args(arguments)
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let end = Instant::now() + PATIENCE;
    while child.try_wait().expect("its state").is_none() {
        if Instant::now() > end {
            let _ = child.kill();
            panic!("{arguments:?} {environment:?} did not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().expect("what it wrote")
}

/// The one line on standard error of a command line that must be refused.
fn refusal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = run(arguments, environment);
    assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(text.matches('\n').count(), 1, "{arguments:?}: {text}");
    text.trim_end().to_string()
}

#[test]
fn help_names_every_flag_its_default_and_its_variable() {
    for flag in ["-h", "--help", "-help", "help"] {
        let output = run(&[flag], &[]);
        assert_eq!(output.status.code(), Some(0));
        let help = String::from_utf8(output.stdout).expect("text");
        for text in [
            "--addr",
            "--web.listen-address",
            ":9434",
            "OPENSIPS_EXPORTER_ADDR",
            "OPENSIPS_EXPORTER_WEB_LISTEN_ADDRESS",
            "--path",
            "--web.telemetry-path",
            "/metrics",
            "--socket",
            "/var/run/ser-fg/ser.sock",
            "OPENSIPS_EXPORTER_SOCKET",
            "--timeout",
            "5s",
            "OPENSIPS_EXPORTER_TIMEOUT",
            "--reply-dir",
            "OPENSIPS_EXPORTER_REPLY_DIR",
            "--log.level",
            "OPENSIPS_EXPORTER_LOG_LEVEL",
            "--log.format",
            "logfmt|json",
            "--version",
            "-h",
        ] {
            assert!(help.contains(text), "{text} is not in\n{help}");
        }
        assert!(
            help.lines().all(|line| line.chars().count() <= 80),
            "{help}"
        );
    }
}

#[test]
fn version_is_printed() {
    for flag in ["--version", "-version", "version"] {
        let output = run(&[flag], &[]);
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).expect("text");
        let expected = format!("opensips_exporter {} (revision ", env!("CARGO_PKG_VERSION"));
        assert!(text.starts_with(&expected), "{text}");
        assert!(text.contains("-linux-"), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let long = format!("/{}", "x".repeat(107));
    for (arguments, expected) in [
        (
            &["--adr", "x"][..],
            "unknown flag --adr, did you mean --addr?",
        ),
        (&["-adr=x"], "unknown flag -adr=x, did you mean --addr?"),
        (
            &["--log-level"],
            "unknown flag --log-level, did you mean --log.level?",
        ),
        (
            &["--nothing"],
            "unknown flag --nothing: the flags are --addr,",
        ),
        (
            &["metrics"],
            "unexpected argument metrics: the commands are check,",
        ),
        (&["chekc"], "unexpected argument chekc, did you mean check?"),
        (&["--socket=\"/run/x\""], "leave out the quotes around it"),
        (&["--socket='/run/x'"], "leave out the quotes around it"),
        (
            &["--socket=tcp:127.0.0.1:8888"],
            "use http://HOST:PORT/PATH",
        ),
        (
            &["--socket=unixgram:/run/x"],
            "use the path alone, or unix:PATH",
        ),
        (&["h"], "unexpected argument h"),
        (&["--addr"], "--addr has no value: use --addr ADDRESS"),
        (&["-addr="], "--addr has no value"),
        (
            &["-socket", ""],
            "--socket has no value: use --socket ADDRESS",
        ),
        (&["--reply-dir="], "--reply-dir has no value"),
        (&["--socket", "--timeout", "5s"], "--socket has no value"),
        (
            &["--addr", "9434"],
            "--addr: 9434 is not possible: use HOST:PORT",
        ),
        (&["--addr", ":x"], "is not possible: use HOST:PORT"),
        (&["--addr", ":65536"], "is not possible: use HOST:PORT"),
        (&["--addr", "::1:9434"], "is not possible: use HOST:PORT"),
        (&["--addr", "[::1:9434"], "is not possible: use HOST:PORT"),
        (&["--addr", ":1,"], "is not possible: use HOST:PORT"),
        (&["--addr", "unix:"], "use a path of at most 107 bytes"),
        (
            &["--addr", "http://localhost:9434"],
            "is not possible: use HOST:PORT",
        ),
        (
            &["--path", "metrics"],
            "metrics is not possible: a path starts with /",
        ),
        (
            &["--web.telemetry-path", "metrics"],
            "--web.telemetry-path: metrics is not possible",
        ),
        (&["--path", "/a b"], "is not possible: use printable ASCII"),
        (&["--path", "/a?b"], "is not possible: use printable ASCII"),
        (&["--path", "/-/ready"], "is taken"),
        (&["--socket", &long], "use a path of at most 107 bytes"),
        (
            &["--timeout", "fast"],
            "fast is not possible: use a duration",
        ),
        (&["--timeout", "0s"], "0s is not possible: use a duration"),
        (&["--timeout", "-5s"], "is not possible: use a duration"),
        (&["--timeout", "1e300"], "is not possible: use a duration"),
        (
            &["--timeout", "2h"],
            "is not possible: use a duration above 0 and up to 1h",
        ),
        (
            &["--reply-dir", &long],
            "use a directory whose whole path has at most 50 bytes",
        ),
        (&["--log.level", "loud"], "use error, warn, info or debug"),
        (&["--log.format", "xml"], "use logfmt or json"),
        (&["--path", "/a", "--path", "/a"], "--path is given twice"),
        (&["-path=/a", "--path", "/a"], "--path is given twice"),
        (
            &["--path", "/a", "--web.telemetry-path", "/a"],
            "--path and --web.telemetry-path are the same setting",
        ),
    ] {
        let line = refusal(arguments, &[]);
        assert!(line.starts_with("opensips_exporter: "), "{line}");
        assert!(
            line.contains(expected),
            "{arguments:?} is refused with: {line}"
        );
    }
}

#[test]
fn the_environment_is_checked_like_the_flags() {
    for (environment, expected) in [
        (
            &[("OPENSIPS_EXPORTER_TIMEOUT", "fast")][..],
            "OPENSIPS_EXPORTER_TIMEOUT: fast is not possible",
        ),
        (
            &[("OPENSIPS_EXPORTER_WEB_TELEMETRY_PATH", "x")],
            "a path starts with /",
        ),
        (
            &[
                ("OPENSIPS_EXPORTER_ADDR", ":1"),
                ("OPENSIPS_EXPORTER_WEB_LISTEN_ADDRESS", ":1"),
            ],
            "OPENSIPS_EXPORTER_ADDR and OPENSIPS_EXPORTER_WEB_LISTEN_ADDRESS are the same setting",
        ),
    ] {
        let line = refusal(&[], environment);
        assert!(
            line.contains(expected),
            "{environment:?} is refused with: {line}"
        );
    }
}

/// The first log line names what is in force.
pub fn started(arguments: &[&str], environment: &[(&str, &str)]) -> Exporter {
    let mut command = binary();
    command.args(arguments).envs(environment.iter().copied());
    Exporter::run(command)
}

#[test]
fn one_dash_or_two_and_a_space_or_an_equals_sign_are_the_same() {
    for arguments in [
        &["-addr", "127.0.0.1:0", "-path", "/m", "-socket", "/s"][..],
        &["--addr", "127.0.0.1:0", "--path", "/m", "--socket", "/s"],
        &["-addr=127.0.0.1:0", "-path=/m", "-socket=/s"],
        &["--addr=127.0.0.1:0", "--path=/m", "--socket=/s"],
        &[
            "-web.listen-address=127.0.0.1:0",
            "--web.telemetry-path",
            "/m",
            "-socket=/s",
        ],
    ] {
        let exporter = started(arguments, &[]);
        assert_eq!(
            exporter.logged("/m and asks /s").len(),
            1,
            "{:?}",
            exporter.log()
        );
        assert_eq!(exporter.get("/m").status, 200);
    }
}

/// In a service that sets the variable, too.
#[test]
fn a_switch_may_be_set_off() {
    let variable = "OPENSIPS_EXPORTER_WEB_SYSTEMD_SOCKET";
    for (argument, value) in [("-web.systemd-socket=false", "true"), ("-path=/m", "false")] {
        let exporter = started(&["--addr=127.0.0.1:0", argument], &[(variable, value)]);
        assert_eq!(exporter.get("/-/healthy").status, 200);
    }
    let said = refusal(&["--web.systemd-socket=off"], &[]);
    assert!(
        said.ends_with("--web.systemd-socket: off is not possible: use true or false"),
        "{said}"
    );
}

#[test]
fn a_value_is_taken_as_it_is() {
    for value in ["/a b", "\"/a", "'/a", "/a=b", "=", "-", "h", "addr"] {
        for arguments in [
            vec![format!("--socket={value}")],
            vec!["-socket".into(), value.into()],
        ] {
            let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            arguments.push("--addr=127.0.0.1:0");
            let exporter = started(&arguments, &[]);
            let line = exporter.wait_for_log("serves").replace('\\', "");
            assert!(line.ends_with(&format!("asks {value}\"")), "{line}");
        }
    }
    for socket in [&b"--socket=\xff"[..], b"\xff"] {
        let mut command = binary();
        if !socket.starts_with(b"-") {
            command.arg("--socket");
        }
        let output = command
            .arg(std::ffi::OsStr::from_bytes(socket))
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            text.contains("--socket: the value is not UTF-8: use --socket ADDRESS"),
            "{text}"
        );
    }
}

#[test]
fn a_flag_wins_over_its_variable() {
    let environment = [
        ("OPENSIPS_EXPORTER_ADDR", "127.0.0.1:0"),
        ("OPENSIPS_EXPORTER_PATH", "not even a path"),
        ("OPENSIPS_EXPORTER_SOCKET", "/from/environment"),
        ("OPENSIPS_EXPORTER_TIMEOUT", ""),
    ];
    let exporter = started(&["--web.telemetry-path", "/from/flag"], &environment);
    assert_eq!(
        exporter
            .logged("/from/flag and asks /from/environment")
            .len(),
        1,
        "{:?}",
        exporter.log()
    );
}

#[test]
fn durations_have_units() {
    for timeout in ["5s", "5", "0.5", "500ms", "1m", "1h", "1m 30s"] {
        started(&["-addr=127.0.0.1:0", "--timeout", timeout], &[]);
    }
}
