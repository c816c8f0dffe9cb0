//! The group `tm`: transactions (OpenSIPS 1.11 to 4.0, `modules/tm/tm.c`).

use super::{Metric, Processor, counter, gauge};

pub const PROCESSOR: Processor = Processor {
    group: "tm",
    metrics: METRICS,
};

const METRICS: &[Metric] = &[
    counter(
        "opensips_tm_received_replies_total",
        "Replies received that belong to a transaction (tm:received_replies)",
        &[],
        &[("received_replies", &[])],
    ),
    counter(
        "opensips_tm_relayed_replies_total",
        "Replies received and sent on upstream (tm:relayed_replies)",
        &[],
        &[("relayed_replies", &[])],
    ),
    counter(
        "opensips_tm_local_replies_total",
        "Replies that the server generated itself (tm:local_replies)",
        &[],
        &[("local_replies", &[])],
    ),
    counter(
        "opensips_tm_transactions_total",
        "Transactions begun by a received request (UAS) or by a request of the server (UAC), and transactions ended, by class of the final reply (tm:UAS_transactions, tm:UAC_transactions, tm:2xx_transactions to tm:6xx_transactions)",
        &["type"],
        &[
            ("UAS_transactions", &["UAS"]),
            ("UAC_transactions", &["UAC"]),
            ("2xx_transactions", &["2xx"]),
            ("3xx_transactions", &["3xx"]),
            ("4xx_transactions", &["4xx"]),
            ("5xx_transactions", &["5xx"]),
            ("6xx_transactions", &["6xx"]),
        ],
    ),
    gauge(
        "opensips_tm_inuse_transactions",
        "Transactions in memory now (tm:inuse_transactions)",
        &[],
        &[("inuse_transactions", &[])],
    ),
];
