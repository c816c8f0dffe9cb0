//! The blacklists of the server (OpenSIPS 1.11 to 4.0, `blacklists.c`).

use super::Processor;
use super::state::{Reading, listing, metric, records, step};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "blacklists",
    listings: &[listing(&["list_blacklists", "blacklists:list"], &["owner", "flags"], &[records(
        &[step(&["List", "Lists"], &[("list", &["List", "name"])])],
        &[metric("opensips_blacklists_rules", "Rules of a blacklist now (list_blacklists)",
            Reading::CountOf(&["Rule", "Rules"]))],
    )])],
    ..Processor::NONE
};
