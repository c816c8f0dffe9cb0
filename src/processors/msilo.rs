//! The group `msilo`: messages that are stored until their receiver is there (OpenSIPS 1.11 to 4.0,
//! `modules/msilo/msilo.c`).

use super::{Metric, Processor, counter};

pub const PROCESSOR: Processor = Processor { group: "msilo", metrics: METRICS, ..Processor::NONE };

#[rustfmt::skip]
const METRICS: &[Metric] = &[
    counter("opensips_msilo_stored_messages_total",
        "Messages stored (msilo:stored_messages)",
        &[], &[("stored_messages", &[])]),
    counter("opensips_msilo_message_deliveries_total",
        "Stored messages that were delivered, or could not be (msilo:dumped_messages, \
         msilo:failed_messages)",
        &["result"], &[("dumped_messages", &["delivered"]), ("failed_messages", &["failed"])]),
    counter("opensips_msilo_reminder_deliveries_total",
        "Reminders that were delivered, or could not be (msilo:dumped_reminders, \
         msilo:failed_reminders)",
        &["result"], &[("dumped_reminders", &["delivered"]), ("failed_reminders", &["failed"])]),
];
