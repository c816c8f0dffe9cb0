//! The group `tls`: TLS connections of Kamailio (6.1, `src/modules/tls/tls_rpc.c`).

use super::{Metric, Processor, gauge};

pub const PROCESSOR: Processor = Processor { group: "tls", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_tls_opened_connections",
        "TLS connections now (tls:opened_connections)", &[], &[("opened_connections", &[])]),
    gauge("opensips_tls_max_connections",
        "Limit of TLS connections (tls:max_connections)",
        &[], &[("max_connections", &[])]),
    gauge("opensips_tls_write_queued_bytes",
        "Bytes that wait to be encrypted and written to TLS connections \
         (tls:clear_text_write_queued_bytes)",
        &[], &[("clear_text_write_queued_bytes", &[])]),
];
