//! The module `htable`: the hash tables of the script (Kamailio 5.6 and 6.1,
//! `src/modules/htable/htable.c`).

use super::Processor;
use super::state::{Listing, Reading, listing, metric, optional, records};

#[rustfmt::skip]
pub const PROCESSOR: Processor = Processor {
    group: "htable",
    listings: &[Listing {
        nothing: Some("No htables"),
        ..listing(&["htable.stats"], &[], &[records(&[optional(&[], &[("table", &["name"])])], &[
            metric("opensips_htable_items",
                "Items in a hash table (htable.stats)", Reading::Number(&["all"])),
            metric("opensips_htable_slots",
                "Slots of a hash table (htable.stats)", Reading::Number(&["slots"])),
            metric("opensips_htable_fullest_slot_items",
                "Items in the fullest slot of a hash table (htable.stats)",
                Reading::Number(&["max"])),
        ])])
    }],
    ..Processor::NONE
};
