//! The group `sl`: stateless replies (OpenSIPS 1.11 to 4.0, `modules/sl/sl.c`; Kamailio 5.6 counts
//! single codes as well).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor = Processor { group: "sl", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_sl_replies",
        "Replies sent statelessly, by class, or by code for Kamailio (sl:<type>_replies)",
        &["type"],
        &[
            ("1xx_replies", &["1xx"]), ("2xx_replies", &["2xx"]), ("3xx_replies", &["3xx"]),
            ("4xx_replies", &["4xx"]), ("5xx_replies", &["5xx"]), ("6xx_replies", &["6xx"]),
            ("200_replies", &["200"]), ("202_replies", &["202"]), ("300_replies", &["300"]),
            ("301_replies", &["301"]), ("302_replies", &["302"]), ("400_replies", &["400"]),
            ("401_replies", &["401"]), ("403_replies", &["403"]), ("404_replies", &["404"]),
            ("407_replies", &["407"]), ("408_replies", &["408"]), ("483_replies", &["483"]),
            ("500_replies", &["500"]),
        ]),
    counter("opensips_sl_xxx_replies",
        "Replies sent statelessly with a code that has no counter of its own; only Kamailio \
         (sl:xxx_replies)",
        &[], &[("xxx_replies", &[])]),
    counter("opensips_sl_sent_replies_total",
        "Replies sent statelessly (sl:sent_replies)",
        &[], &[("sent_replies", &[])]),
    counter("opensips_sl_sent_err_replies_total",
        "Error replies sent statelessly (sl:sent_err_replies)",
        &[], &[("sent_err_replies", &[])]),
    counter("opensips_sl_received_ACKs",
        "ACKs received for replies that were sent statelessly (sl:received_ACKs)",
        &[], &[("received_ACKs", &[])]),
    counter("opensips_sl_failures",
        "Stateless replies that could not be sent; only Kamailio (sl:failures)",
        &[], &[("failures", &[])]),
];
