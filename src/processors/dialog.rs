//! The group `dialog`: dialogs and their replication (OpenSIPS 1.11 to 4.0,
//! `modules/dialog/dialog.c`), and those in the profiles that the operator names.

use super::state::{Listing, Parts, Reading, Records, listing, metric, records, step};
use super::{Metric, Processor, counter, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "dialog", metrics: METRICS, listings: LISTINGS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_dialog_dialogs",
        "Dialogs that are confirmed (active) or ringing (early) now, and those created, timed \
         out or never established since start (dialog:active_dialogs, dialog:early_dialogs, \
         dialog:processed_dialogs, dialog:expired_dialogs, dialog:failed_dialogs)",
        &["status"],
        &[
            ("active_dialogs", &["active"]), ("early_dialogs", &["early"]),
            ("processed_dialogs", &["processed"]), ("expired_dialogs", &["expired"]),
            ("failed_dialogs", &["failed"]),
        ]),
    counter("opensips_dialog_received",
        "Replicated dialog events received from the cluster (dialog:create_recv, \
         dialog:update_recv, dialog:delete_recv)",
        &["event"],
        &[
            ("create_recv", &["create"]), ("create_rcv", &["create"]),
            ("update_recv", &["update"]), ("update_rcv", &["update"]),
            ("delete_recv", &["delete"]), ("delete_rcv", &["delete"]),
        ]),
    counter("opensips_dialog_sent",
        "Replicated dialog events sent to the cluster (dialog:create_sent, dialog:update_sent, \
         dialog:delete_sent)",
        &["event"],
        &[("create_sent", &["create"]), ("update_sent", &["update"]), ("delete_sent", &["delete"])]),
];

#[rustfmt::skip]
const LISTINGS: &[Listing] = &[Listing {
    parts: Parts::Profiles("profile"),
    ..listing(
        &["profile_get_size", "dialog:profile_get_size"],
        &["name", "value", "count", "shared", "replicated"],
        &[Records {
            part: Some("profile"),
            ..records(&[step(&["profile", "Profile"], &[])], &[metric(
                "opensips_dialog_profile_dialogs",
                "Dialogs in a profile now, for those that --dialog-profiles names \
                 (profile_get_size)",
                Reading::Number(&["count"]))])
        }],
    )
}];
