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
        help: "Ask the server once and report what it is, what it answers and what is wrong. The \
               exit status is 0 if all is well, else 1.",
        make: Some(Command::Check),
    },
    Entry {
        name: "dump",
        usage: "dump",
        help: "Ask the server once and print the page of metrics, for cron, the textfile collector \
               of node_exporter and bug reports. The exit status is 0 if opensips_up is 1, else \
               1.",
        make: Some(Command::Dump),
    },
    Entry {
        name: "print",
        usage: "print NAME",
        help: "Print one of the files that belong to this program:",
        make: None,
    },
];
