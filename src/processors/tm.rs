//! The group `tm`: transactions (OpenSIPS 1.11 to 4.0, `modules/tm/tm.c`).

use super::{Metric, Processor, counter, gauge};

pub const PROCESSOR: Processor = Processor { group: "tm", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_tm_received_replies_total",
        "Replies received that belong to a transaction (tm:received_replies)",
        &[], &[("received_replies", &[])]),
    counter("opensips_tm_relayed_replies_total",
        "Replies received and sent on upstream (tm:relayed_replies)",
        &[], &[("relayed_replies", &[])]),
    counter("opensips_tm_local_replies_total",
        "Replies that the server generated itself (tm:local_replies)",
        &[], &[("local_replies", &[])]),
    counter("opensips_tm_transactions_total",
        "Transactions begun by a received request (UAS) or by a request of the server (UAC), \
         and transactions ended, by class of the final reply (tm:UAS_transactions, \
         tm:UAC_transactions, tm:2xx_transactions to tm:6xx_transactions)",
        &["type"],
        &[
            ("UAS_transactions", &["UAS"]), ("UAC_transactions", &["UAC"]),
            ("2xx_transactions", &["2xx"]), ("3xx_transactions", &["3xx"]),
            ("4xx_transactions", &["4xx"]), ("5xx_transactions", &["5xx"]),
            ("6xx_transactions", &["6xx"]),
        ]),
    gauge("opensips_tm_inuse_transactions",
        "Transactions in memory now (tm:inuse_transactions)",
        &[], &[("inuse_transactions", &[])]),
    counter("opensips_tm_timeouts_total",
        "Branches that timed out while waiting for a final reply, and those of INVITE after a \
         provisional one (tm:timeout_finalresponse, tm:timeout_finalresponse_inv)",
        &["timer"],
        &[
            ("timeout_finalresponse", &["final_response"]),
            ("timeout_finalresponse_inv", &["final_response_invite"]),
        ]),
    counter("opensips_tm_retransmissions_total",
        "Retransmissions of requests by each step of the timers, and of final replies \
         (tm:retransmission_req_T1_1 to tm:retransmission_req_T2, tm:retransmission_rpl_T2)",
        &["message", "timer"],
        &[
            ("retransmission_req_T1_1", &["request", "T1_1"]),
            ("retransmission_req_T1_2", &["request", "T1_2"]),
            ("retransmission_req_T1_3", &["request", "T1_3"]),
            ("retransmission_req_T2", &["request", "T2"]),
            ("retransmission_rpl_T2", &["reply", "T2"]),
        ]),
    counter("opensips_tm_cluster_messages_total",
        "Messages sent to and received from other nodes of the cluster, by what they carry \
         (tm:cluster_reply_sent to tm:cluster_cancel_recv)",
        &["direction", "message"],
        &[
            ("cluster_request_sent", &["sent", "request"]),
            ("cluster_reply_sent", &["sent", "reply"]),
            ("cluster_cancel_sent", &["sent", "cancel"]),
            ("cluster_request_recv", &["received", "request"]),
            ("cluster_reply_recv", &["received", "reply"]),
            ("cluster_cancel_recv", &["received", "cancel"]),
        ]),
];
