//! The module `mqueue`: the queues of the script (Kamailio 5.6 and 6.1,
//! `src/modules/mqueue/mqueue_mod.c`).

use super::Processor;
use super::state::{Reading, listing, metric, optional, records};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "mqueue",
    listings: &[listing(&["mqueue.get_sizes"], &[], &[records(
        &[optional(&[], &[("queue", &["name"])])],
        &[metric("opensips_mqueue_items", "Items in a queue (mqueue.get_sizes)",
            Reading::Number(&["size"]))],
    )])],
    ..Processor::NONE
};
