//! The group `dialog`: dialogs and their replication (OpenSIPS 1.11 to 4.0,
//! `modules/dialog/dialog.c`; Kamailio 5.6 and 6.1, `src/modules/dialog/dlg_profile.c`), and those
//! in the profiles that the operator names.

use super::state::{
    self, Listing, Names, Parts, Reading, Records, Step, listing, metric, records, step,
};
use super::{Metric, Processor, counter, gauge};

pub const PROCESSOR: Processor =
    Processor { group: "dialog", metrics: METRICS, listings: LISTINGS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    gauge("opensips_dialog_dialogs",
        "Dialogs confirmed (active) or ringing (early) now, and dialogs created (processed), timed \
         out (expired) or never established (failed) since the start (dialog:active_dialogs, \
         dialog:early_dialogs, dialog:processed_dialogs, dialog:expired_dialogs, \
         dialog:failed_dialogs)",
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
const LISTINGS: &[Listing] = &[
    Listing {
        parts: Parts::Profiles("profile", "value"),
        ..listing(
            &["profile_get_size", "dialog:profile_get_size"],
            &["name", "value", "count", "shared", "replicated"],
            &[profile(&[step(&["profile", "Profile"], &[])], &[dialogs(&["count"])])],
        )
    },
    Listing {
        parts: Parts::Profiles("profile", "value"),
        ..listing(&["dlg.profile_get_size"], &[], &[profile(&[], &[dialogs(&[""])])])
    },
];

const fn profile(path: &'static [Step], metrics: &'static [state::Metric]) -> Records {
    Records { part: Some("profile"), ..records(path, metrics) }
}

const fn dialogs(field: Names) -> state::Metric {
    metric(
        "opensips_dialog_profile_dialogs",
        "Dialogs in a profile now, for the profiles that --dialog-profiles names \
         (profile_get_size)",
        Reading::Number(field),
    )
}
