//! The group `tcp`: TCP connections of Kamailio (5.6 and 6.1, `src/core/tcp_stats.c`), and by a
//! command those that are TLS, and the limits (`src/core/core_cmd.c`). OpenSIPS: `tcp_connections`.

use super::state::{self, Listing, Names, Reading, listing, metric, records};
use super::{Metric, Processor, counter, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "tcp", metrics: METRICS, listings: LISTINGS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_tcp_current_connections",
        "TCP connections now, including those with TLS (tcp:current_opened_connections)",
        &[], &[("current_opened_connections", &[])]),
    gauge("opensips_tcp_write_queue_bytes",
        "Bytes that wait to be written to TCP connections (tcp:current_write_queue_size)",
        &[], &[("current_write_queue_size", &[])]),
    counter("opensips_tcp_established_total",
        "TCP connections established, by either side (tcp:established)",
        &[], &[("established", &[])]),
    counter("opensips_tcp_accepted_total",
        "TCP connections accepted, and rejected by the server (tcp:passive_open, tcp:local_reject)",
        &["result"], &[("passive_open", &["accepted"]), ("local_reject", &["rejected"])]),
    counter("opensips_tcp_connects_total",
        "TCP connections that the server opened, and could not open (tcp:connect_success, \
         tcp:connect_failed)",
        &["result"], &[("connect_success", &["opened"]), ("connect_failed", &["failed"])]),
    counter("opensips_tcp_ended_total",
        "TCP connections that were reset by the peer, or idle for too long (tcp:con_reset, \
         tcp:con_timeout)",
        &["reason"], &[("con_reset", &["reset"]), ("con_timeout", &["timeout"])]),
    counter("opensips_tcp_failed_sends_total",
        "Messages that could not be sent over TCP because it took too long or the queue was full \
         (tcp:send_timeout, tcp:sendq_full)",
        &["reason"], &[("send_timeout", &["timeout"]), ("sendq_full", &["queue_full"])]),
];

#[rustfmt::skip]
const LISTINGS: &[Listing] = &[Listing {
    nothing: Some("tcp support disabled"),
    ..listing(&["core.tcp_info"], &[], &[records(&[], &[
        level("opensips_tcp_opened_tls_connections",
            "TCP connections with TLS now (core.tcp_info)", &["opened_tls_connections"]),
        level("opensips_tcp_max_connections",
            "Limit of TCP connections (core.tcp_info)", &["max_connections"]),
        level("opensips_tcp_max_tls_connections",
            "Limit of TCP connections with TLS (core.tcp_info)",
            &["max_tls_connections"]),
        level("opensips_tcp_readers",
            "Processes that read from TCP connections (core.tcp_info)", &["readers"]),
    ])])
}];

const fn level(name: &'static str, help: &'static str, field: Names) -> state::Metric {
    metric(name, help, Reading::Number(field))
}
