//! What the operator is told to do, where more than one thing could help.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::command_line::started;
use crate::outages::as_user_without_privileges;
use crate::support::stand_in::{Behaviour, StandIn, V2_4, V4_0, script_variable};
use crate::support::{TempDir, assert_down, binary, captured, server_with};

/// To be in the group helps only where that may.
#[test]
fn nobody_is_told_to_join_a_group_that_may_not_either() {
    let directory = TempDir::new();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("the mode");
    let closed = directory.join("run");
    fs::create_dir(&closed).expect("a directory");
    let socket = closed.join("mi.sock");
    let _server = StandIn::start(&socket, V2_4, &captured());
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("the mode");
    let (exporter, _) = as_user_without_privileges(&directory, &socket);
    assert_down(&exporter);
    let line = exporter.wait_for_log("opensips_up is 0");
    assert!(line.contains("its group may not either"), "{line}");
    assert!(!line.contains("add that user"), "{line}");
    fs::set_permissions(&closed, Permissions::from_mode(0o755)).expect("the mode");
}

#[test]
fn a_page_for_people_is_told_from_mi_http() {
    let (_directory, server, exporter) = server_with(V2_4, Vec::new(), &[]);
    server.behave(Behaviour::Raw(
        b"<html><body>OpenSIPS</body></html>".to_vec(),
    ));
    assert_down(&exporter);
    let line = exporter.wait_for_log("opensips_up is 0");
    assert!(line.contains("perhaps of mi_html"), "{line}");
}

/// A reply that is larger than those of most servers says nothing of the limit.
#[test]
fn no_percentage_is_told_of_a_limit_that_is_not_known() {
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let all = (0..2000).map(script_variable).collect();
    let _server = StandIn::with_statistics(&socket, V4_0.with_limit(400_000), all);
    let output = binary().args(["check", "--socket"]).arg(&socket).output();
    let text = String::from_utf8_lossy(&output.expect("it runs").stdout).into_owned();
    assert!(
        text.contains("replies      1 in ") && !text.contains('%'),
        "{text}"
    );
}

#[test]
fn what_has_no_effect_is_told() {
    let http = "--http_address=http://127.0.0.1:1/mi";
    for (arguments, environment, expected) in [
        (
            &[http][..],
            &[][..],
            "--http_address has no effect: add --protocol mi_http",
        ),
        (
            &["--socket=/x", http, "--protocol=mi_http"],
            &[],
            "--socket has no effect: leave out --protocol mi_http",
        ),
        (
            &["--socket=/x", "--http_password_file=/dev/null"],
            &[],
            "--http_password_file has no effect: it is for mi_http",
        ),
        (
            &[],
            &[("OPENSIPS_EXPORTER_SOKET", "/x")],
            "the variable OPENSIPS_EXPORTER_SOKET is unknown, did you mean \
             OPENSIPS_EXPORTER_SOCKET?",
        ),
    ] {
        let arguments = [&["--addr=127.0.0.1:0"], arguments].concat();
        let exporter = started(&arguments, environment);
        exporter.wait_for_log("serves");
        assert_eq!(exporter.logged(expected).len(), 1, "{:?}", exporter.log());
    }
    // What is empty counts as not set, and Kubernetes sets such a port for a service of this name.
    let environment = [
        ("OPENSIPS_EXPORTER_SOKET", ""),
        ("OPENSIPS_EXPORTER_PORT", "tcp://127.0.0.1:9434"),
    ];
    let exporter = started(&["--addr=127.0.0.1:0"], &environment);
    exporter.wait_for_log("serves");
    assert_eq!(exporter.logged("level=warn"), Vec::<String>::new());
}
