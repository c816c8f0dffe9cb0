//! Stands in for a server of the version that is given, 2.4 without one, with counters that move,
//! so that the exporter has something to show: `stand-in SOCKET [VERSION]`.

#[path = "../support/stand_in.rs"]
#[allow(dead_code)]
mod stand_in;

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use stand_in::{KAMAILIO, StandIn, V1_11, V2_4, V3_6, V4_0, Version};

const CAPTURED: &[(Version, &[u8])] = &[
    (
        V1_11,
        include_bytes!("../fixtures/1.11/get_statistics_all.reply"),
    ),
    (
        V2_4,
        include_bytes!("../fixtures/2.4/get_statistics_all.reply"),
    ),
    (
        V3_6,
        include_bytes!("../fixtures/3.6/get_statistics_all.reply"),
    ),
    (
        V4_0,
        include_bytes!("../fixtures/4.0/get_statistics_all.reply"),
    ),
    (
        KAMAILIO,
        include_bytes!("../fixtures/kamailio-5.6/get_statistics_all.reply"),
    ),
];

/// What goes up with every call of the SIP traffic that is made up here.
const PER_CALL: &[&str] = &[
    "rcv_requests",
    "rcv_replies",
    "UAS_transactions",
    "UAC_transactions",
    "2xx_transactions",
    "received_replies",
    "relayed_replies",
    "processed_dialogs",
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let socket = arguments.next();
    let version = arguments.next().unwrap_or(V2_4.name.to_string());
    let captured = CAPTURED.iter().find(|(known, _)| known.name == version);
    let (Some(socket), Some((version, reply))) = (socket, captured) else {
        eprintln!("usage: stand-in SOCKET [1.11|2.4|3.6|4.0|kamailio-5.6]");
        return ExitCode::from(2);
    };
    let stand_in = StandIn::start(Path::new(&socket), *version, reply);
    stand_in.load_modules();
    for second in 1_u64.. {
        thread::sleep(Duration::from_secs(1));
        stand_in.change(|statistics| {
            for (_, name, value) in statistics {
                match std::str::from_utf8(name) {
                    Ok(name) if PER_CALL.contains(&name) => *value += 3 + second % 5,
                    Ok("active_dialogs") => *value = 25 + second % 10,
                    _ => {}
                }
            }
        });
    }
    ExitCode::SUCCESS
}
