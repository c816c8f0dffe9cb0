//! The table of all commands: what the program does instead of serving, by the first word of the
//! command line.

use super::{Command, Config};

/// A command.
pub struct Entry {
    /// The first word.
    pub name: &'static str,
    /// How it stands in the help.
    pub usage: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// What to do with the settings. Without this it takes a name instead of flags.
    pub make: Option<fn(Box<Config>) -> Command>,
}

/// All commands.
pub const COMMANDS: &[Entry] = &[
    Entry {
        name: "check",
        usage: "check",
        help: "Ask the server once, tell what it is and what it answers, and end with 0 if all is well, else with 1.",
        make: Some(Command::Check),
    },
    Entry {
        name: "dump",
        usage: "dump",
        help: "Ask the server once, print the page of its metrics, and end with 0 if opensips_up is 1, else with 1. For cron, the textfile collector of node_exporter, and reports of bugs.",
        make: Some(Command::Dump),
    },
    Entry {
        name: "print",
        usage: "print NAME",
        help: "Print a file that goes with this program:",
        make: None,
    },
];
