//! A process with hardly a descriptor to spare, and strangers who take what there is.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::alone;
use crate::support::attack::{Attack, withstand};
use crate::support::stand_in::{StandIn, V2_4};
use crate::support::{Exporter, TempDir, binary_path, captured, command};

/// Connections that come one after the other and stay, with a part of a request.
fn trickle(attack: &Attack) {
    attack.hold(200, |stream| {
        thread::sleep(Duration::from_millis(20));
        stream.write_all(b"GET /")
    });
}

#[test]
fn six_descriptors_to_spare_are_enough() {
    let _alone = alone();
    let directory = TempDir::new();
    let socket = directory.join("mi.sock");
    let _server = StandIn::start(&socket, V2_4, &captured());
    let mut limited = command(&["prlimit", "--nofile=43"], &binary_path());
    limited
        .args(["--addr=127.0.0.1:0", "--socket"])
        .arg(&socket);
    let mut exporter = Exporter::run(limited);
    exporter.wait_for_log("no more than 6 connections and 4 requests at once");
    withstand("a trickle, 6 connections", &mut exporter, 50, 1, trickle);
}
