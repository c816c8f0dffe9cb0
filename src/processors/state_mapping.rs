//! Reads the replies to commands as the tables of states say, and turns them into samples.

use std::borrow::Cow;

use super::Processor;
use super::state::{Listing, Metric, Names, Parts, Reading, Records, STATE, States, Step};
use crate::exposition::{self, Header, Page, Series};
use crate::mi::{Content, Value};

/// Names and values of labels.
type Labels<'v> = Vec<(&'static str, Cow<'v, str>)>;

/// The commands of all processors, made ready for reading replies.
pub struct StateMapping {
    headers: Vec<Header>,
    /// By the name of their family, in the order of that.
    families: Vec<(&'static str, Series)>,
}

impl StateMapping {
    /// The mapping that `processors` describe.
    pub fn new(processors: &'static [Processor]) -> Self {
        let mut families = Vec::new();
        let mut in_order = Vec::new();
        for metric in processors.iter().flat_map(Processor::state_metrics) {
            let name = metric.family.name;
            if let Err(place) = find(&families, name) {
                let series = Series::named(in_order.len(), name).merged_to(metric.merge);
                families.insert(place, (name, series));
                in_order.push(metric.family);
            }
        }
        StateMapping { headers: Header::of(&in_order), families }
    }

    /// The headers of the families that samples are added to.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// Adds to `page` what a reply to the command of `listing` becomes, that was asked for `part`
    /// of it. Returns whether the reply has a form that is known.
    pub fn add<'m>(
        &'m self,
        listing: &Listing,
        reply: &Value<'_>,
        part: &str,
        page: &mut Page<'m>,
    ) -> bool {
        for records in listing.records {
            if records.most.is_some_and(|most| count(*reply, records.path) > most) {
                continue;
            }
            visit(*reply, records.path, &mut Vec::new(), &mut |nodes| {
                let node = nodes.last().copied().unwrap_or(*reply);
                let labels = labels_of(records, nodes, part);
                let (label, without) = records.without;
                let mut values = labels.iter().filter(|(name, _)| *name == label);
                if values.any(|(_, value)| without.contains(&value.as_ref())) {
                    return;
                }
                for metric in records.metrics {
                    self.add_sample(metric, node, labels.clone(), page);
                }
            });
        }
        let mut records = listing.records.iter();
        let says_nothing = reply.text().is_some_and(|text| Some(text.as_ref()) == listing.nothing);
        says_nothing || records.any(|records| is_known(reply, records.path))
    }

    fn add_sample<'m, 'v>(
        &'m self,
        metric: &Metric,
        node: Value<'v>,
        mut labels: Labels<'v>,
        page: &mut Page<'m>,
    ) {
        labels.extend(metric.fixed.map(|(label, value)| (label, Cow::Borrowed(value))));
        let name = metric.family.name;
        let value = match metric.reading {
            Reading::Number(names) => field(node, names).and_then(|text| number(&text)),
            Reading::Average(names) => {
                field(node, names).and_then(|text| average(&text)).map(exposition::Value::Float)
            }
            Reading::Milliseconds(names) => {
                let number = field(node, names).and_then(|text| average(&text));
                number.map(|number| exposition::Value::Float(number / 1000.0))
            }
            Reading::Flag(names, words) | Reading::NoFlag(names, words) => {
                let is_set = matches!(metric.reading, Reading::Flag(..));
                let holds = |text: &str| words.iter().any(|word| text.eq_ignore_ascii_case(word));
                field(node, names).map(|text| flag(holds(&text) == is_set))
            }
            Reading::UpAndState(names, states, family)
            | Reading::UpAndOneState(names, states, family) => field(node, names).map(|text| {
                let is_one = matches!(metric.reading, Reading::UpAndOneState(..));
                let is_shown = |is_current| is_current || !is_one;
                self.add_states(family.name, &labels, (&text, states, &is_shown), page);
                let mut states = states.iter();
                flag(states.any(|(word, _, is_up)| *is_up && text.eq_ignore_ascii_case(word)))
            }),
            Reading::State(names, states) | Reading::OtherStates(names, states) => {
                if let Some(text) = field(node, names) {
                    let is_all = matches!(metric.reading, Reading::State(..));
                    let is_shown = |is_current: bool| !is_current || is_all;
                    self.add_states(name, &labels, (&text, states, &is_shown), page);
                }
                None
            }
            Reading::Count => Some(exposition::Value::Unsigned(1)),
            Reading::CountWith(names) => field(node, names).map(|_| exposition::Value::Unsigned(1)),
            Reading::CountOf(names) => {
                Some(exposition::Value::Unsigned(below(node, names).count() as u64))
            }
        };
        if let Some(value) = value {
            self.put(name, &labels, value, page);
        }
    }

    /// Adds a sample for each of the `states`, and for the one in `text` if it is none of them, if
    /// it `is_shown` by whether it is that one.
    fn add_states<'m>(
        &'m self,
        family: &str,
        labels: &Labels<'_>,
        (text, states, is_shown): (&str, States, &dyn Fn(bool) -> bool),
        page: &mut Page<'m>,
    ) {
        let mut known = states.iter();
        let known = known.find(|(word, ..)| text.eq_ignore_ascii_case(word));
        let own = match known {
            Some((_, state, _)) => Cow::Borrowed(*state),
            None => text.to_lowercase().replace(' ', "_").into(),
        };
        // Several words may mean one state.
        let mut seen = Vec::new();
        for state in states.iter().map(|(_, state, _)| *state).chain([own.as_ref()]) {
            if seen.contains(&state) || !is_shown(state == own) {
                continue;
            }
            seen.push(state);
            let mut labels = labels.clone();
            labels.push((STATE, Cow::Borrowed(state)));
            self.put(family, &labels, flag(state == own), page);
        }
    }

    fn put<'m>(
        &'m self,
        family: &str,
        labels: &Labels<'_>,
        value: exposition::Value,
        page: &mut Page<'m>,
    ) {
        let found = find(&self.families, family).ok();
        if let Some((_, series)) = found.and_then(|found| self.families.get(found)) {
            let labels = labels.iter().map(|(name, value)| (*name, value.as_bytes()));
            page.add_labelled(series, labels, value);
        }
    }
}

/// Where the family of that `name` is, or belongs.
fn find(families: &[(&str, Series)], name: &str) -> Result<usize, usize> {
    families.binary_search_by_key(&name, |(name, _)| name)
}

impl Parts {
    /// The parts in the reply to the command that lists them, but those in `without`.
    pub fn read(nodes: Names, field: Names, without: Names, reply: &Value<'_>) -> Vec<String> {
        let others = reply.values().filter(|node| !nodes.contains(&node.name()));
        let others = others.map(|node| node.name().to_string().into());
        let others = others.filter(|_| nodes.contains(&""));
        let nodes = below(*reply, nodes);
        let parts = nodes.filter_map(|node| self::field(node, field).or_else(|| node.text()));
        // Dispatcher has a second identifier for each partition, for its events.
        let parts = parts.chain(others).filter(|part| is_argument(part) && !part.contains(';'));
        let parts = parts.filter(|part| !without.contains(&part.as_ref()));
        parts.map(Cow::into_owned).collect()
    }
}

/// Whether `text` arrives at the server as the one argument that it is.
fn is_argument(text: &str) -> bool {
    !text.is_empty() && !text.contains(['"', '\n', '\r']) && !text.contains("::")
}

fn flag(is_set: bool) -> exposition::Value {
    exposition::Value::Unsigned(u64::from(is_set))
}

/// The labels of `nodes`, which stand at the steps of the path of `records`. To Prometheus one
/// without a value is none.
fn labels_of<'v>(records: &Records, nodes: &[Value<'v>], part: &'v str) -> Labels<'v> {
    let steps = records.path.iter().zip(nodes);
    let fields = steps.flat_map(|(step, node)| {
        let labels = step.labels.iter();
        labels.filter_map(|(label, names)| Some((*label, without_passwords(field(*node, names)?))))
    });
    let labels = records.part.map(|label| (label, part.into())).into_iter().chain(fields);
    labels.filter(|(_, value)| !value.is_empty()).collect()
}

/// Walks from `value` along the `path`, and gives all nodes on the way to each end of it to
/// `visitor`.
fn visit<'v>(
    value: Value<'v>,
    path: &[Step],
    nodes: &mut Vec<Value<'v>>,
    visitor: &mut dyn FnMut(&[Value<'v>]),
) {
    let Some((step, rest)) = path.split_first() else {
        visitor(nodes);
        return;
    };
    let mut found = below(value, step.names).peekable();
    let stays = step.is_optional && found.peek().is_none();
    for node in found.chain(stays.then_some(value)) {
        nodes.push(node);
        visit(node, rest, nodes, visitor);
        nodes.pop();
    }
}

/// How many ends the `path` from `value` has.
fn count(value: Value<'_>, path: &[Step]) -> usize {
    let mut count = 0;
    visit(value, path, &mut Vec::new(), &mut |_| count += 1);
    count
}

/// Whether `value` is nothing at all, or has what the first step leads to.
fn is_known(value: &Value<'_>, path: &[Step]) -> bool {
    let has = |names: Names| match value.content() {
        Content::Members(0) | Content::Elements(_) | Content::Null => true,
        Content::Members(_) => value.values().any(|member| names.contains(&member.name())),
        _ => false,
    };
    match path {
        [step, rest @ ..] => has(step.names) || (step.is_optional && is_known(value, rest)),
        [] => matches!(
            value.content(),
            Content::Members(_) | Content::Elements(_) | Content::Number(_)
        ),
    }
}

/// The nodes below `value` that have one of these names.
fn below<'v>(value: Value<'v>, names: Names) -> impl Iterator<Item = Value<'v>> {
    let members = value.values();
    let named = members.filter(|member| names.contains(&member.name()));
    let nodes = named.flat_map(|node| {
        let is_array = matches!(node.content(), Content::Elements(_));
        let itself = (!is_array).then_some(node);
        itself.into_iter().chain(node.elements())
    });
    value.elements().chain(nodes)
}

/// The first of these fields that `node` has, as text, see [`Step`].
fn field<'v>(node: Value<'v>, names: Names) -> Option<Cow<'v, str>> {
    names.iter().find_map(|name| {
        let mut pieces = name.split('{');
        let start = pieces.next().filter(|start| start.len() < name.len());
        let Some(start) = start else { return single_field(node, name) };
        let mut filled = start.to_string();
        for piece in pieces {
            let (name, behind) = piece.split_once('}')?;
            filled.push_str(&single_field(node, name)?);
            filled.push_str(behind);
        }
        Some(filled.into())
    })
}

fn single_field<'v>(node: Value<'v>, name: &str) -> Option<Cow<'v, str>> {
    let (name, mask) = name.split_once('&').unwrap_or((name, ""));
    let mut steps = name.split('/').filter(|step| !step.is_empty());
    let text = steps.try_fold(node, |node, step| node.member(step))?.text()?;
    let Ok(mask) = mask.parse::<u64>() else { return Some(text) };
    Some((text.parse::<u64>().ok()? & mask).to_string().into())
}

fn number(text: &str) -> Option<exposition::Value> {
    let unsigned = || text.parse().ok().map(exposition::Value::Unsigned);
    let signed = || text.parse().ok().map(exposition::Value::Signed);
    let float = || text.parse().ok().filter(|number: &f64| number.is_finite());
    unsigned().or_else(signed).or_else(|| float().map(exposition::Value::Float))
}

fn average(text: &str) -> Option<f64> {
    let number = text.split('/').next().and_then(|number| number.parse().ok());
    number.filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

/// `text` without the passwords of the SIP URIs in it: `sip:user:password@host`.
fn without_passwords(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('@') {
        return text;
    }
    let starts = starts_of_users(&text);
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let mut kept =
        text.get(..starts.first().copied().unwrap_or(text.len())).unwrap_or_default().to_string();
    for (start, end) in starts.iter().zip(ends) {
        let uri = text.get(*start..end).unwrap_or_default();
        let (user, host) = uri.rsplit_once('@').unwrap_or(("", uri));
        let user_ends = user.find(':').unwrap_or(user.len());
        kept.push_str(user.get(..user_ends).unwrap_or_default());
        if host.len() < uri.len() {
            kept.push('@');
        }
        kept.push_str(host);
    }
    Cow::Owned(kept)
}

/// Where the SIP URIs in `text` go on behind their schemes.
fn starts_of_users(text: &str) -> Vec<usize> {
    let lower = text.to_ascii_lowercase();
    let found = lower.match_indices("sip").filter_map(|(at, _)| {
        let (before, rest) = lower.split_at_checked(at)?;
        let before = before.chars().next_back();
        let is_start = before.is_none_or(|before| matches!(before, '=' | ';' | '<' | ' ' | ','));
        let rest = rest.strip_prefix("sips:").or_else(|| rest.strip_prefix("sip:"))?;
        is_start.then_some(lower.len() - rest.len())
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_uris_are_left_out() {
        for (text, expected) in [
            ("sip:user@host:5060;a=b", "sip:user@host:5060;a=b"),
            ("sip:user:secret@host:5060", "sip:user@host:5060"),
            ("SIPS:user:se:cr=et@[2001:db8::1]:5061", "SIPS:user@[2001:db8::1]:5061"),
            ("sip:[2001:db8::1]:5060", "sip:[2001:db8::1]:5060"),
            (
                "aor=sip:a:x@h;contact=sip:a:y@h:1;registrar=sip:r:1",
                "aor=sip:a@h;contact=sip:a@h:1;registrar=sip:r:1",
            ),
            ("sip:u:mysip:secret@h", "sip:u@h"),
            ("sip:u:p@w@h:5060", "sip:u@h:5060"),
            ("<sip:u:p@h>, <sips:v:q@h>", "<sip:u@h>, <sips:v@h>"),
            ("udp:127.0.0.1:22222", "udp:127.0.0.1:22222"),
            ("a@b", "a@b"),
            ("", ""),
        ] {
            assert_eq!(without_passwords(text.into()), expected);
        }
    }

    #[test]
    fn numbers_are_read_in_every_form() {
        for (text, expected) in [
            ("0", Some(exposition::Value::Unsigned(0))),
            ("-2", Some(exposition::Value::Signed(-2))),
            ("1.5", Some(exposition::Value::Float(1.5))),
            ("", None),
            ("none", None),
            ("NaN", None),
            ("inf", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
