//! The dialogs of Kamailio by what they wait for (Kamailio 5.6, `src/modules/dialog/dialog.c`), which its statistics do
//! not tell.
//!
//! The server walks all dialogs for it, so it is read only where the operator asks for it.

use super::Processor;
use super::state::{Labels, Listing, Metric, Names, Parts, Reading, Records, Source, Step, metric};
use crate::mi::Command;

pub const PROCESSOR: Processor = Processor {
    group: "dialog_states",
    is_on_by_default: false,
    listings: &[Listing {
        command: Command {
            names: &["dlg.stats_active"],
            attributes: &[],
        },
        parts: Parts::Whole,
        records: &[Records {
            path: &[Step::Perhaps(&[])],
            metrics: &[
                dialogs(&[("state", Source::Is("starting"))], &["starting"]),
                dialogs(&[("state", Source::Is("connecting"))], &["connecting"]),
                dialogs(&[("state", Source::Is("answering"))], &["answering"]),
                dialogs(&[("state", Source::Is("ongoing"))], &["ongoing"]),
            ],
        }],
    }],
    ..Processor::NONE
};

const fn dialogs(labels: Labels, field: Names) -> Metric {
    metric(
        "opensips_dialog_states_dialogs",
        "Dialogs now that were begun (starting), ring (connecting), wait for the ACK (answering) or are calls (ongoing) (dlg.stats_active)",
        labels,
        Reading::Number(field),
    )
}
