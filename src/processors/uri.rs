//! The group `uri`: checks of URIs (OpenSIPS 1.11 to 2.4, `modules/uri/uri_mod.c`, where one name
//! has a space).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor = Processor { group: "uri", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_uri_positive_checks",
        "URI checks that passed (uri:positive checks)",
        &[], &[("positive checks", &[]), ("positive_checks", &[])]),
    counter("opensips_uri_negative_checks",
        "URI checks that failed (uri:negative_checks)",
        &[], &[("negative_checks", &[]), ("negative checks", &[])]),
];
