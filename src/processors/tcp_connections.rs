//! The TCP connections of the server, by protocol and state (OpenSIPS 1.11 to 4.0,
//! `net/net_tcp.c`).
//!
//! The reply holds a line for each connection, so it is read only where the operator asks for it.

use super::Processor;
use super::state::{Reading, listing, metric, records, step};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "tcp_connections",
    is_on_by_default: false,
    listings: &[listing(
        &["list_tcp_conns", "tcp:list"],
        &["ID", "Type", "State", "Remote", "Local", "Lifetime"],
        &[records(
            &[step(&["Connection", "Connections"],
                &[("protocol", &["Type"]), ("state", &["State"])])],
            &[metric("opensips_tcp_connections",
                "Connections now; state is that of the server: -2 error, -1 bad, 0 ok, 1 \
                 connecting, 2 end of file (list_tcp_conns)",
                Reading::Count)],
        )],
    )],
    ..Processor::NONE
};
