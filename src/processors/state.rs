//! What the commands of the server show, and the samples that this becomes. The tables of all modules have this form.
//!
//! A reply is a tree, see [`crate::mi::Value`]: objects and arrays in JSON, nodes in the line protocol. Names lead from a node to
//! those below it, and a reading takes its value from the fields of the last one.

use crate::exposition::{Family, Kind};
use crate::mi::Command;

/// A command, and the metrics that its reply becomes.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// The command.
    pub command: Command,
    /// For what parts it is asked one by one.
    pub parts: Parts,
    /// What stands in the reply.
    pub records: &'static [Records],
}

/// For what parts a command is asked one by one.
#[derive(Debug, Clone, Copy)]
pub enum Parts {
    /// It is asked once, for everything.
    Whole,
    /// The values of its parameter `parameter` are those that another command lists.
    Listed {
        /// The parameter.
        parameter: &'static str,
        /// How many there are at least. With less it is asked once.
        least: usize,
        /// The other command, which has the same answer as long as the server runs, and its own parameter.
        command: Command,
        /// See there.
        given: Option<(&'static str, &'static str)>,
        /// The names of the nodes in its reply.
        nodes: Names,
        /// The field of a node that is a part.
        field: Names,
    },
    /// The dialog profiles that the operator names, each a value of this parameter.
    Profiles(&'static str),
}

/// Names of one thing in the dialects and versions.
pub type Names = &'static [&'static str];

/// Nodes that have something in common.
#[derive(Debug, Clone, Copy)]
pub struct Records {
    /// The way to them.
    pub path: &'static [Step],
    /// What they become.
    pub metrics: &'static [Metric],
}

/// A step from a node to those below it that have one of these names. From an array it is one to its elements.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// To nothing if there are none.
    To(Names),
    /// Nowhere if there are none: not all versions have it.
    Perhaps(Names),
}

/// A metric that shows a state.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name, TYPE and HELP. The HELP ends with the command it comes from: `(ds_list)`.
    pub family: Family,
    /// Its labels, and where their values stand. Some readings add one.
    pub labels: Labels,
    /// Its value.
    pub reading: Reading,
}

/// The labels of a metric.
pub type Labels = &'static [(&'static str, Source)];

/// Where the value of a label stands.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// In the node of this step of the path, in the first of these fields that it has. Empty if it has none. `A/B` is the
    /// field B of the object A in it.
    Field(usize, Names),
    /// It is the part that was asked for, see [`Parts`].
    Part,
    /// It is always this.
    Is(&'static str),
}

/// How a node becomes samples. Without the field there is none.
#[derive(Debug, Clone, Copy)]
pub enum Reading {
    /// The number in the field.
    Number(Names),
    /// Whether the field holds one of these words.
    Flag(Names, &'static [&'static str]),
    /// Whether the state in the field is one of those that are up.
    Up(Names, States),
    /// A sample for each state, which is a further label, and 1 for the one in the field. What is none of the states
    /// is one more.
    State(Names, States),
    /// How many nodes have the same labels.
    Count,
    /// How many nodes of these names stand below.
    CountOf(Names),
}

/// The states of a thing: the server's word, the value of the label `state`, and whether the thing is up.
pub type States = &'static [(&'static str, &'static str, bool)];

/// The label that [`Reading::State`] adds.
const STATE: &str = "state";

impl Metric {
    /// The names of its labels.
    pub fn labels(&self) -> impl Iterator<Item = &'static str> {
        let added = matches!(self.reading, Reading::State(..)).then_some(STATE);
        self.labels.iter().map(|(name, _)| *name).chain(added)
    }
}

/// Whether something is up.
pub const fn up(
    name: &'static str,
    help: &'static str,
    labels: Labels,
    field: Names,
    states: States,
) -> Metric {
    metric(name, help, labels, Reading::Up(field, states))
}

/// In which state something is.
pub const fn state(
    name: &'static str,
    help: &'static str,
    labels: Labels,
    field: Names,
    states: States,
) -> Metric {
    metric(name, help, labels, Reading::State(field, states))
}

/// A level, by any reading.
pub const fn metric(
    name: &'static str,
    help: &'static str,
    labels: Labels,
    reading: Reading,
) -> Metric {
    Metric {
        family: Family {
            name,
            kind: Kind::Gauge,
            help,
        },
        labels,
        reading,
    }
}

/// A count that only goes up.
pub const fn count(name: &'static str, help: &'static str, labels: Labels, field: Names) -> Metric {
    let mut metric = metric(name, help, labels, Reading::Number(field));
    metric.family.kind = Kind::Counter;
    metric
}
