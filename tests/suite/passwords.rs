//! What only some may see.

use std::fs;

use crate::support::network::Server;
use crate::support::stand_in::V3_6;
use crate::support::{Exporter, TempDir, assert_down, assert_up, binary};

fn exporter(socket: &str, arguments: &[&str]) -> Exporter {
    let mut command = binary();
    command
        .args([
            "--addr=127.0.0.1:0",
            "--log.level=debug",
            "--socket",
            socket,
        ])
        .args(arguments);
    Exporter::run(command)
}

/// OpenSIPS 4.1 with auth_username and auth_password. What is secret is shown nowhere.
#[test]
fn mi_http_may_ask_for_a_password() {
    const SECRET: &str = "se/c@r:et";
    let server = Server::http(V3_6);
    server.state().login = Some("b3NpcHM6c2UvY0ByOmV0".to_string());
    let directory = TempDir::new();
    let file = |name: &str, content: &str| {
        let path = directory.join(name);
        fs::write(&path, content).expect("a file");
        format!("--http_password_file={}", path.display())
    };
    let password = file("password", &format!("{SECRET}\n"));
    let both = file("both", &format!("osips:{SECRET}\n"));
    let url = |login: &str| format!("http://{login}{}/mi", server.address);
    let exporters = [
        exporter(&url("osips:se%2fc%40r:et@"), &[]),
        exporter(&url("osips:se%2Fc@r:et@"), &[]),
        exporter(&url("osips@"), &[&password]),
        exporter(&url(""), &[&both]),
    ];
    let is_secret = |text: &str| text.contains("r:et") || text.contains("osips@");
    for exporter in &exporters {
        assert_up(exporter);
        exporter.wait_for_log(&format!(" {} answers", url("")));
    }
    server.state().login = Some("another".to_string());
    let refused = format!(
        "opensips_up is 0: {} does not accept the user and the password (HTTP status 401): set \
         --socket to http://USER:PASSWORD@HOST:PORT/mi, or --http_password_file",
        url("")
    );
    for exporter in &exporters {
        assert_down(exporter);
        exporter.wait_for_log(&refused);
        for path in ["/", "/metrics", "/-/ready"] {
            let text = exporter.get(path).text();
            assert!(!is_secret(&text), "{text}");
        }
        assert!(exporter.log().iter().all(|line| !is_secret(line)));
    }
    // Of what an operator mistypes nothing is shown either.
    for arguments in [
        &["--socket=http://osips:se%2Fc@r:et@host:x/mi"][..],
        &["--sokcet=http://osips:se%2Fc@r:et@host/mi"],
        &["http://osips:se%2Fc@r:et@host/mi"],
        &["--http_address", "https://osips:se%2Fc@r:et@host/mi"],
        &["--http_address", "osips:se%2Fc@r:et@host/mi"],
        &["--socket", "osips:se%2Fc@r:et@host/mi"],
        &["--socket", "osips:se/c@r:et@host"],
        &["--socket", "http://osips:se/c@r:et@host/mi"],
        &["--socket", "http://osips:1/c@r:et@host/mi"],
        &["--http_password_file", "/no/such/file"],
    ] {
        let output = binary().args(arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!is_secret(&text), "{text}");
        assert!(text.contains("...@host") || text.contains("cannot be read"));
        let is_of_slash = arguments
            .iter()
            .any(|it| it.starts_with("http://") && it.contains("/c"));
        assert_eq!(text.contains("%2F"), is_of_slash, "{text}");
    }
}
