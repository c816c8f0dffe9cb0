//! The module `mqueue`: the queues of the script (OpenSIPS 3.5 to 4.0,
//! `modules/mqueue/mqueue.c`; Kamailio 5.6 and 6.1, `src/modules/mqueue/mqueue_mod.c`).

use super::Processor;
use super::state::{Reading, listing, metric, optional, records};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "mqueue",
    listings: &[listing(&["mq_get_sizes", "mqueue:get_sizes", "mqueue.get_sizes"], &[], &[records(
        &[optional(&["Queue"], &[("queue", &["name"])])],
        &[metric("opensips_mqueue_items", "Items in a queue (mq_get_sizes, mqueue.get_sizes)",
            Reading::Number(&["size"]))],
    )])],
    ..Processor::NONE
};
