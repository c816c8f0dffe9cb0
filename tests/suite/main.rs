//! All tests that need nothing but Rust and may run beside each other.

#[path = "../support/mod.rs"]
mod support;

mod assets;
mod capacity_and_quality;
mod catalogue;
mod clock;
mod collect_flags;
mod collect_parameter;
mod command_line;
mod dialects;
mod endless_names;
mod equal_labels;
mod fifo;
mod fifo_outages;
mod fifo_replies;
mod fixed_metrics;
mod forged_replies;
mod gate;
mod golden_pages;
mod hints;
mod http;
mod json;
mod kamailio;
mod large_servers;
mod listening;
mod module_commands;
mod module_states;
mod outages;
mod passwords;
mod places;
mod processes;
mod properties;
mod readme;
mod reply_directory;
mod routes;
mod running;
mod servers;
mod subcommands;
mod timing;
mod transports;
mod trees;
mod unclaimed;
