//! The group `tmx`: transactions of Kamailio (5.6 and 6.1, `src/modules/tmx/tmx_mod.c`).

use super::{Metric, Processor, counter, gauge};

pub const PROCESSOR: Processor = Processor { group: "tmx", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_tmx_transactions_total",
        "Transactions ended, by class of the final reply (tmx:2xx_transactions to \
         tmx:6xx_transactions)",
        &["type"],
        &[
            ("2xx_transactions", &["2xx"]), ("3xx_transactions", &["3xx"]),
            ("4xx_transactions", &["4xx"]), ("5xx_transactions", &["5xx"]),
            ("6xx_transactions", &["6xx"]),
        ]),
    counter("opensips_tmx_UAS_transactions",
        "Transactions begun by received requests or by the server; subtract \
         opensips_tmx_UAC_transactions for those of received requests alone \
         (tmx:UAS_transactions)",
        &[], &[("UAS_transactions", &[])]),
    counter("opensips_tmx_UAC_transactions",
        "Transactions begun by a request of the server (tmx:UAC_transactions)",
        &[], &[("UAC_transactions", &[])]),
    gauge("opensips_tmx_inuse_transactions",
        "Transactions in memory now (tmx:inuse_transactions)",
        &[], &[("inuse_transactions", &[])]),
    gauge("opensips_tmx_active_transactions",
        "Transactions without a final reply now (tmx:active_transactions)",
        &[], &[("active_transactions", &[])]),
    counter("opensips_tmx_replies",
        "Replies received, absorbed, relayed, generated and sent by transactions \
         (tmx:rpl_received, tmx:rpl_absorbed, tmx:rpl_relayed, tmx:rpl_generated, tmx:rpl_sent)",
        &["type"],
        &[
            ("rpl_received", &["received"]), ("rpl_absorbed", &["absorbed"]),
            ("rpl_relayed", &["relayed"]), ("rpl_generated", &["generated"]),
            ("rpl_sent", &["sent"]),
        ]),
];
