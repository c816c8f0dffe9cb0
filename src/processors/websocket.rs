//! The group `websocket`: WebSocket connections of Kamailio (5.6 and 6.1,
//! `src/modules/websocket/ws_conn.c`, `ws_frame.c` and `ws_handshake.c`). What is counted for the
//! subprotocols sip and msrp is in the whole too.

use super::{Metric, Processor, counter, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "websocket", metrics: METRICS, ..Processor::NONE };

/// The labels of what is counted for each subprotocol.
const BY: &str = "{subprotocol}";

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_websocket_connections",
        "WebSocket connections now (websocket:ws_current_connections)",
        &[], &[("ws_current_connections", &[])]),
    gauge("opensips_websocket_max_connections",
        "Most WebSocket connections at the same time so far \
         (websocket:ws_max_concurrent_connections)",
        &[], &[("ws_max_concurrent_connections", &[])]),
    counter("opensips_websocket_handshakes_total",
        "WebSocket handshakes (websocket:ws_successful_handshakes, websocket:ws_failed_handshakes)",
        &["result"],
        &[("ws_successful_handshakes", &["successful"]), ("ws_failed_handshakes", &["failed"])]),
    counter("opensips_websocket_ended_connections_total",
        "WebSocket connections closed by the server (local), by the peer (remote), or failed \
         (websocket:ws_local_closed_connections, websocket:ws_remote_closed_connections, \
         websocket:ws_failed_connections)",
        &["reason"],
        &[
            ("ws_local_closed_connections", &["local"]),
            ("ws_remote_closed_connections", &["remote"]),
            ("ws_failed_connections", &["failed"]),
        ]),
    counter("opensips_websocket_frames_total",
        "WebSocket frames (websocket:ws_received_frames, websocket:ws_transmitted_frames)",
        &["direction"],
        &[("ws_received_frames", &["received"]), ("ws_transmitted_frames", &["transmitted"])]),
    gauge("opensips_websocket_subprotocol_connections",
        "WebSocket connections now, by subprotocol \
         (websocket:ws_<subprotocol>_current_connections)",
        &["subprotocol"], &[("ws_{subprotocol}_current_connections", &[BY])]),
    gauge("opensips_websocket_subprotocol_max_connections",
        "Most WebSocket connections at the same time so far, by subprotocol \
         (websocket:ws_<subprotocol>_max_concurrent_connections)",
        &["subprotocol"], &[("ws_{subprotocol}_max_concurrent_connections", &[BY])]),
    counter("opensips_websocket_subprotocol_handshakes_total",
        "Successful WebSocket handshakes, by subprotocol \
         (websocket:ws_<subprotocol>_successful_handshakes)",
        &["subprotocol"], &[("ws_{subprotocol}_successful_handshakes", &[BY])]),
    counter("opensips_websocket_subprotocol_ended_connections_total",
        "WebSocket connections closed by the server (local), by the peer (remote), or failed, by \
         subprotocol (websocket:ws_<subprotocol>_local_closed_connections, \
         websocket:ws_<subprotocol>_remote_closed_connections, \
         websocket:ws_<subprotocol>_failed_connections)",
        &["subprotocol", "reason"],
        &[
            ("ws_{subprotocol}_local_closed_connections", &[BY, "local"]),
            ("ws_{subprotocol}_remote_closed_connections", &[BY, "remote"]),
            ("ws_{subprotocol}_failed_connections", &[BY, "failed"]),
        ]),
    counter("opensips_websocket_subprotocol_frames_total",
        "WebSocket frames, by subprotocol (websocket:ws_<subprotocol>_received_frames, \
         websocket:ws_<subprotocol>_transmitted_frames)",
        &["subprotocol", "direction"],
        &[
            ("ws_{subprotocol}_received_frames", &[BY, "received"]),
            ("ws_{subprotocol}_transmitted_frames", &[BY, "transmitted"]),
        ]),
];
