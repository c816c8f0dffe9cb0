//! The group `net`: what waits in the kernel's receive queues (OpenSIPS 1.11 to 4.0,
//! `net/net_udp.c` and `core_stats.c`).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor = Processor { group: "net", metrics: METRICS, ..Processor::NONE };

const METRICS: &[Metric] = &[gauge(
    "opensips_net_waiting",
    "Bytes that wait in the IPv4 SIP sockets until the server reads them (net:waiting_udp, \
     net:waiting_tcp, net:waiting_tls)",
    &["protocol"],
    &[("waiting_udp", &["udp"]), ("waiting_tcp", &["tcp"]), ("waiting_tls", &["tls"])],
)];
