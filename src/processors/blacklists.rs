//! The blacklists of the server (OpenSIPS 1.11 to 4.0, `blacklists.c`).

use super::Processor;
use super::state::{Listing, Parts, Reading, Records, Source, Step, metric};
use crate::mi::Command;

pub const PROCESSOR: Processor = Processor {
    group: "blacklists",
    listings: &[Listing {
        command: Command {
            names: &["list_blacklists", "blacklists:list"],
            attributes: &["owner", "flags"],
        },
        parts: Parts::Whole,
        records: &[Records {
            path: &[Step::To(&["List", "Lists"])],
            metrics: &[metric(
                "opensips_blacklists_rules",
                "Rules of a blacklist now (list_blacklists)",
                &[("list", Source::Field(0, &["List", "name"]))],
                Reading::CountOf(&["Rule", "Rules"]),
            )],
        }],
    }],
    ..Processor::NONE
};
