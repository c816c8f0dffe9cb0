//! What the commands of the server show, and the samples that this becomes. The tables of all
//! modules have this form.
//!
//! A reply is a tree, see [`crate::mi::Value`]: objects and arrays in JSON, nodes in the line
//! protocol. Steps lead from a node to those below it. Each step names the labels whose values
//! stand in its node, and a metric takes its value from a field of the last one.

use crate::exposition::{Family, Kind, Merge};
use crate::mi::Command;

/// A command, and the metrics that its reply becomes.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// The command.
    pub command: Command,
    /// For what parts it is asked one by one.
    pub parts: Parts,
    /// The error or the text by which the server says that there is nothing, if it does.
    pub nothing: Option<&'static str>,
    /// What stands in the reply.
    pub records: &'static [Records],
}

/// For what parts a command is asked one by one.
#[derive(Debug, Clone, Copy)]
pub enum Parts {
    /// It is asked once, for everything.
    Whole,
    /// It is asked once, with this parameter.
    Given(&'static str),
    /// It is asked once, for everything, and with this parameter for less if that does not fit.
    OrLess(&'static str),
    /// The values of its parameter `parameter` are those that another command lists.
    Listed {
        /// The parameter.
        parameter: &'static str,
        /// How many there are at least. With less it is asked once, unless the reply to that is too
        /// large and there are several.
        least: usize,
        /// Those that are not asked for.
        without: Names,
        /// The other command, which has the same answer as long as the server runs, and its own
        /// parameter.
        command: Command,
        /// See there.
        given: Option<(&'static str, &'static str)>,
        /// The names of the nodes in its reply. With the empty one the names of all others are
        /// parts.
        nodes: Names,
        /// The field of a node that is a part.
        field: Names,
    },
    /// The dialog profiles that the operator names, each a value of the first parameter. In
    /// `NAME/value`, `value` is one of the second.
    Profiles(&'static str, &'static str),
}

impl Parts {
    /// All dialog profiles: members named so in the line protocol, an array in JSON. Kamailio does
    /// not list them.
    pub const ALL_PROFILES: Parts = Parts::Listed {
        parameter: "profile",
        least: 0,
        without: &[],
        command: Command {
            names: &["list_all_profiles", "dialog:list_all_profiles"],
            attributes: &[],
        },
        given: None,
        nodes: &["Profiles", ""],
        field: &["name"],
    };
}

/// Names of one thing in the dialects and versions.
pub type Names = &'static [&'static str];

/// Nodes that have something in common.
#[derive(Debug, Clone, Copy)]
pub struct Records {
    /// The way to them.
    pub path: &'static [Step],
    /// The label whose value is the part that was asked for, see [`Parts`], before all others.
    pub part: Option<&'static str>,
    /// A label, and the values with which they are left out.
    pub without: (&'static str, Names),
    /// With more of them than that there are too many for a series each: all are left out.
    pub most: Option<usize>,
    /// What they become.
    pub metrics: &'static [Metric],
}

/// A step from a node to those below it that have one of these names. From an array it is one to
/// its elements.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The names.
    pub names: Names,
    /// Whether some versions do not have it: then it leads to the node itself.
    pub is_optional: bool,
    /// Labels, and where in the node their values stand: in the first of these fields that it has.
    /// Empty if it has none. `A/B` is the field B of the object A, `{A}:{B}` are two fields and
    /// what stands between them, `A&7` are these bits of the number in A, and the field without a
    /// name is the node itself.
    pub labels: &'static [(&'static str, Names)],
}

/// A metric that shows a state.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name, TYPE and HELP. The HELP ends with the command it comes from: `(ds_list)`.
    pub family: Family,
    /// A label that always has this value, behind those of the steps.
    pub fixed: Option<(&'static str, &'static str)>,
    /// Its value.
    pub reading: Reading,
}

/// How a node becomes samples. Without the field there is none.
#[derive(Debug, Clone, Copy)]
pub enum Reading {
    /// The number in the field.
    Number(Names),
    /// The number in the field, or before `/` and the samples that it is the average of. One below
    /// zero is none.
    Average(Names),
    /// The same in seconds, of milliseconds.
    Milliseconds(Names),
    /// Whether the field holds one of these words.
    Flag(Names, &'static [&'static str]),
    /// Whether the field holds none of these words.
    NoFlag(Names, &'static [&'static str]),
    /// Whether the state in the field is one of those that are up, and the same as
    /// [`Reading::State`] for another family.
    UpAndState(Names, States, Family),
    /// The same with a sample only for the state that it is in.
    UpAndOneState(Names, States, Family),
    /// The samples that [`Reading::UpAndOneState`] leaves out.
    OtherStates(Names, States),
    /// A sample for each state, which is a further label, and 1 for the one in the field. What is
    /// none of the states is one more.
    State(Names, States),
    /// How many nodes have the same labels.
    Count,
    /// The same of those that have the field.
    CountWith(Names),
    /// How many nodes of these names stand below.
    CountOf(Names),
}

/// The states of a thing: the server's word, the value of the label `state`, and whether the thing
/// is up.
pub type States = &'static [(&'static str, &'static str, bool)];

/// A metric of a command as the page has it.
#[derive(Debug)]
pub struct Described {
    /// Name, TYPE and HELP.
    pub family: Family,
    /// The names of its labels.
    pub labels: Vec<&'static str>,
    /// What nodes with the same labels become: counts and states are summed. Of other numbers the
    /// largest counts, so that they are up if any is.
    pub merge: Merge,
}

/// The label that [`Reading::State`] adds.
pub(super) const STATE: &str = "state";

impl Records {
    /// The metrics of these nodes.
    pub fn described(&'static self) -> impl Iterator<Item = Described> {
        self.metrics.iter().flat_map(|metric| {
            let steps = self.path.iter().flat_map(|step| step.labels);
            let labels = self.part.into_iter().chain(steps.map(|(name, _)| *name));
            let mut labels: Vec<&str> = labels.chain(metric.fixed.map(|(name, _)| name)).collect();
            let family = metric.family;
            let merge = match (metric.reading, family.kind) {
                (Reading::Count | Reading::CountWith(_), _) | (_, Kind::Counter) => Merge::Sum,
                _ => Merge::Largest,
            };
            let (value, state) = match metric.reading {
                Reading::UpAndState(_, _, state) | Reading::UpAndOneState(_, _, state) => {
                    (Some(family), Some(state))
                }
                Reading::State(..) | Reading::OtherStates(..) => (None, Some(family)),
                _ => (Some(family), None),
            };
            let value = value.map(|family| Described { family, labels: labels.clone(), merge });
            let state = state.map(|family| {
                labels.push(STATE);
                Described { family, labels, merge: Merge::Sum }
            });
            value.into_iter().chain(state)
        })
    }
}

/// A command of these names that is asked once, for everything. See [`Command`] for the attributes.
pub const fn listing(names: Names, attributes: Names, records: &'static [Records]) -> Listing {
    let command = Command { names, attributes };
    Listing { command, parts: Parts::Whole, nothing: None, records }
}

/// Nodes at the end of `path`.
pub const fn records(path: &'static [Step], metrics: &'static [Metric]) -> Records {
    Records { path, part: None, without: ("", &[]), most: None, metrics }
}

/// A step that every version has.
pub const fn step(names: Names, labels: &'static [(&'static str, Names)]) -> Step {
    Step { names, is_optional: false, labels }
}

/// A step that only some versions have.
pub const fn optional(names: Names, labels: &'static [(&'static str, Names)]) -> Step {
    Step { is_optional: true, ..step(names, labels) }
}

/// `PREFIX_up` and `PREFIX_state` of `$thing`: whether it `$when`, and in which state it is, by the
/// same field of the reply to `$command`.
macro_rules! up_and_state {
    ($prefix:literal, $thing:literal, $when:literal, $command:literal, $field:expr, $states:expr) => {
        $crate::processors::state::up_and_state_of(
            [concat!($prefix, "_up"), concat!($prefix, "_state")],
            [
                concat!("Whether ", $thing, " ", $when, " (", $command, ")"),
                concat!("The state of ", $thing, ", 1 for the current one (", $command, ")"),
            ],
            $field,
            $states,
        )
    };
}
pub(super) use up_and_state;

/// Whether something is up, and in which state it is: two names and two HELPs.
pub const fn up_and_state_of(
    [up, state]: [&'static str; 2],
    [help, help_of_state]: [&'static str; 2],
    field: Names,
    states: States,
) -> Metric {
    let other = metric(state, help_of_state, Reading::Count).family;
    metric(up, help, Reading::UpAndState(field, states, other))
}

/// A level, by any reading.
pub const fn metric(name: &'static str, help: &'static str, reading: Reading) -> Metric {
    Metric { family: Family { name, kind: Kind::Gauge, help }, fixed: None, reading }
}

/// A family that a statistic of other servers has as well, by the number in the field.
pub const fn same(metric: &super::Metric, field: Names) -> Metric {
    Metric { family: metric.family, fixed: None, reading: Reading::Number(field) }
}

/// A count that only goes up.
pub const fn count(name: &'static str, help: &'static str, field: Names) -> Metric {
    let mut metric = metric(name, help, Reading::Number(field));
    metric.family.kind = Kind::Counter;
    metric
}
