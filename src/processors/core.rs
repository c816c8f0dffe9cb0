//! The group `core`: messages that the core of the server handled (OpenSIPS 1.11 to 4.0,
//! `core_stats.c`; Kamailio 5.6 and 6.1, `src/modules/kex/core_stats.c`), and how long it runs,
//! which Kamailio tells by a command (`src/core/core_cmd.c`).

use super::state::{Listing, listing, records, same};
use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor =
    Processor { group: "core", metrics: METRICS, listings: LISTINGS, ..Processor::NONE };

const LISTINGS: &[Listing] =
    &[listing(&["core.uptime"], &[], &[records(&[], &[same(&UPTIME, &["uptime"])])])];

const UPTIME: Metric = counter(
    "opensips_core_uptime_seconds",
    "Seconds since the server started (core:timestamp, core.uptime)",
    &[],
    &[("timestamp", &[])],
);

/// The statistics behind `opensips_core_requests` and its second spelling.
const REQUESTS: &[(&str, &[&str])] = &[
    ("fwd_requests", &["forwarded"]),
    ("drop_requests", &["dropped"]),
    ("err_requests", &["error"]),
];

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_core_requests_total",
        "SIP requests received and parsed (core:rcv_requests)",
        &[], &[("rcv_requests", &[])]),
    counter("opensips_core_replies_total",
        "SIP replies received and parsed (core:rcv_replies)",
        &[], &[("rcv_replies", &[])]),
    counter("opensips_core_requests",
        "SIP requests forwarded statelessly, dropped, or without a usable first Via \
         (core:fwd_requests, core:drop_requests, core:err_requests)",
        &["kind"], REQUESTS),
    counter("opensips_core_request",
        "The same as opensips_core_requests, under its documented name (core:fwd_requests, \
         core:drop_requests, core:err_requests)",
        &["kind"], REQUESTS),
    counter("opensips_core_replies",
        "SIP replies forwarded statelessly, dropped, or in error (core:fwd_replies, \
         core:drop_replies, core:err_replies)",
        &["kind"],
        &[
            ("fwd_replies", &["forwarded"]), ("drop_replies", &["dropped"]),
            ("err_replies", &["error"]),
        ]),
    // Kamailio. What it counts by method and by code is in the classes too.
    counter("opensips_core_received_requests_total",
        "SIP requests received, by method; only Kamailio (core:rcv_requests_<method>)",
        &["method"], &[("rcv_requests_{method}", &["{method}"])]),
    counter("opensips_core_received_replies_total",
        "SIP replies received, by class; only Kamailio (core:rcv_replies_1xx to \
         core:rcv_replies_6xx)",
        &["class"],
        &[
            ("rcv_replies_1xx", &["1xx"]), ("rcv_replies_2xx", &["2xx"]),
            ("rcv_replies_3xx", &["3xx"]), ("rcv_replies_4xx", &["4xx"]),
            ("rcv_replies_5xx", &["5xx"]), ("rcv_replies_6xx", &["6xx"]),
        ]),
    counter("opensips_core_received_replies_by_method_total",
        "SIP replies received, by class and method of the request, for some methods; reg is \
         REGISTER; only Kamailio (core:rcv_replies_<class>_<method>)",
        &["class", "method"],
        &[("rcv_replies_{class}_{method}", &["{class}", "{method}"])]),
    counter("opensips_core_received_replies_by_code_total",
        "SIP replies received, for some codes, which their class counts as well; only Kamailio \
         (core:rcv_replies_<code>)",
        &["code"], &[("rcv_replies_{code}", &["{code}"])]),
    counter("opensips_core_bad_URIs_rcvd",
        "SIP URIs that could not be parsed (core:bad_URIs_rcvd)",
        &[], &[("bad_URIs_rcvd", &[])]),
    counter("opensips_core_bad_msg_hdr",
        "SIP headers that could not be parsed (core:bad_msg_hdr)",
        &[], &[("bad_msg_hdr", &[])]),
    counter("opensips_core_unsupported_methods",
        "Requests with a method that the parser does not know; not counted by every version \
         (core:unsupported_methods)",
        &[], &[("unsupported_methods", &[])]),
    counter("opensips_core_slow_messages_total",
        "SIP messages that took longer than exec_msg_threshold; 0 if that is not set \
         (core:slow_messages)",
        &[], &[("slow_messages", &[])]),
    UPTIME,
];
