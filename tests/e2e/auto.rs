//! `--socket auto` where servers usually listen: in namespaces of its own, where /run and /tmp are
//! empty and all ports are free. `make e2e` runs this; it needs to be root, and the Debian packages
//! util-linux and iproute2.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::fifo::{Behaviour, FifoServer};
use crate::support::network::Server;
use crate::support::stand_in::{KAMAILIO, StandIn, V1_11, V2_4, V3_6, V4_0};
use crate::support::{Exporter, assert_down, assert_up, binary_path, captured, command};

/// Says that the test runs in the namespaces.
const INSIDE: &str = "OPENSIPS_EXPORTER_TEST_INSIDE";

#[test]
#[ignore = "needs to be root: make e2e"]
fn each_usual_place_is_found() {
    in_namespaces("auto::each_usual_place_is_found", inside);
}

/// Runs `inside` for this test in namespaces of its own, by this program once more.
pub fn in_namespaces(test: &str, inside: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let this = std::env::current_exe().expect("this program");
    let output = Command::new("unshare")
        .args(["--mount", "--net"])
        .arg(this)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(INSIDE, "1")
        .output();
    let output = output.expect("unshare: install the Debian package util-linux");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, failed) = (text(&output.stdout), text(&output.stderr));
    assert!(said.contains("1 passed"), "{said}{failed}");
}

/// Makes /run and /tmp empty, and returns where a copy of the exporter is now, which anybody may
/// run.
pub fn prepare() -> &'static Path {
    let binary = fs::read(binary_path()).expect("the binary");
    // The captured replies may be below /tmp.
    let prepared = Command::new("sh")
        .args([
            "-ec",
            "ip link set lo up
             mount -t tmpfs -o mode=755 tmpfs /run
             mkdir /run/opensips /run/kamailio /run/ser-fg /run/source
             mount --bind \"$SOURCE\" /run/source
             mount -t tmpfs -o mode=1777 tmpfs /tmp
             mkdir -p \"$SOURCE\"
             mount --bind /run/source \"$SOURCE\"",
        ])
        .env("SOURCE", env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(prepared.expect("a shell").success());
    let own = Path::new("/run/opensips_exporter");
    fs::write(own, binary).expect("a copy");
    fs::set_permissions(own, fs::Permissions::from_mode(0o755)).expect("a copy");
    own
}

fn inside() {
    let own = prepare();
    let mut exporter = command(&[], own);
    exporter.args(["--addr=127.0.0.1:0", "--timeout=3s"]);
    let exporter = Exporter::run(exporter);
    let tmp = Path::new("/tmp");
    let is_found = |place: &str| {
        assert_up(&exporter);
        let expected = format!("<code>{place}</code>");
        assert!(exporter.get("/").text().contains(&expected), "{place}");
        let news = exporter.logged("opensips_up is 1").pop().expect("news");
        assert!(news.contains(&format!("{place} answers")), "{news}");
    };

    assert_down(&exporter);
    let line = exporter.wait_for_log("opensips_up is 0");
    let expected = "no server at any of /var/run/ser-fg/ser.sock, /run/opensips, ";
    assert!(line.contains(expected), "{line}");

    for place in ["/tmp/opensips_fifo", "/run/opensips/opensips_fifo"] {
        for version in [V1_11, V3_6] {
            let server = FifoServer::start(Path::new(place), tmp, version);
            is_found(place);
            server.stop();
            assert_down(&exporter);
        }
    }
    for (place, version) in [
        ("/run/opensips/mi.sock", V2_4),
        ("/run/kamailio/kamailio_rpc.sock", KAMAILIO),
        ("/tmp/opensips.sock", V4_0),
        ("/var/run/ser-fg/ser.sock", V1_11),
    ] {
        let server = StandIn::start(Path::new(place), version, &captured());
        is_found(place);
        server.stop();
        assert_down(&exporter);
    }
    // What does not answer leaves time for what does.
    let silent = FifoServer::start(Path::new("/run/opensips/mi_fifo"), tmp, V3_6);
    silent.behave(Behaviour::Silent);
    let server = FifoServer::start(Path::new("/tmp/opensips_fifo"), tmp, V2_4);
    is_found("/tmp/opensips_fifo");
    server.stop();
    silent.stop();
    assert_down(&exporter);
    let server = Server::http_at("127.0.0.1:8888", V3_6);
    is_found("http://127.0.0.1:8888/mi");
    let report = command(&[], own).arg("check").output();
    let report = String::from_utf8_lossy(&report.expect("a report").stdout).into_owned();
    assert!(
        report.contains("\nfound at     http://127.0.0.1:8888/mi\n"),
        "{report}"
    );
    drop(server);
    let names = fs::read_dir(tmp).expect("/tmp").flatten();
    let mut names = names.map(|file| file.file_name().to_string_lossy().into_owned());
    assert_eq!(names.find(|name| name.contains("opensips")), None);
}
