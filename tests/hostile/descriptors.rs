//! A process with hardly a descriptor to spare, and strangers who take what there is.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::support::attack::{Attack, withstand};
use crate::{alone, with_descriptors};

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
    let (_directory, _server, mut exporter) = with_descriptors(43);
    exporter.wait_for_log("no more than 6 connections and 4 requests at once");
    withstand("a trickle, 6 connections", &mut exporter, 50, 1, trickle);
}
