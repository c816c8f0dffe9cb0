//! The Prometheus text exposition format 0.0.4, and nothing else.
//!
//! Samples are added to a [`Page`] in any order. The page that is written has what the format asks
//! for: one HELP and one TYPE per family, all samples of a family together, no series twice. This room
//! knows nothing of OpenSIPS.

use std::collections::HashSet;
use std::io::Write;
use std::ops::Range;

use foldhash::fast::RandomState;

use crate::bytes::append;

/// What an HTTP answer that carries a page calls itself.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bytes that a value and the header of a family take, about.
const VALUE: usize = 12;
const HEADER: usize = 240;

/// The TYPE of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up, or starts again at 0.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Nobody says which of the two it is.
    Untyped,
}

impl Kind {
    /// The word behind `# TYPE name`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Untyped => "untyped",
        }
    }
}

/// What all samples of one metric name have in common.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The metric name, letters, digits and underscores.
    pub name: &'static str,
    /// Its TYPE.
    pub kind: Kind,
    /// Its HELP, one line in plain words.
    pub help: &'static str,
}

/// The lines of a [`Family`] that stand before its samples, made once.
#[derive(Debug)]
pub struct Header(Vec<u8>);

impl Header {
    /// Those of `families`, in their order.
    pub fn of(families: &[Family]) -> Vec<Header> {
        families.iter().map(Header::new).collect()
    }

    fn new(family: &Family) -> Self {
        let Family { name, kind, help } = family;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let text = format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.name());
        Header(text.into_bytes())
    }
}

/// The number of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A count.
    Unsigned(u64),
    /// A level, which may lie below zero.
    Signed(i64),
    /// A measurement, in the unit that the metric's name says.
    Float(f64),
}

#[derive(Debug)]
struct Sample {
    family: usize,
    /// Where its series stands in the text of the page.
    series: Range<usize>,
    value: Value,
    /// The next sample of its family.
    next: usize,
}

/// No sample.
const NONE: usize = usize::MAX;

/// A series with gaps for label values: all that does not differ between its samples is made once.
#[derive(Debug)]
pub struct Template {
    /// What stands before each gap, and which value fills it.
    gaps: Vec<(String, usize)>,
    /// What stands behind the last one.
    end: String,
}

/// A label value of a [`Template`].
#[derive(Debug, Clone, Copy)]
pub enum LabelValue<'a> {
    /// Always this.
    Fixed(&'a str),
    /// The value with this index of those that a sample brings.
    Given(usize),
}

impl Template {
    /// The series of `name` whose labels all have values that a sample brings, in this order.
    pub fn given<'a>(name: &str, labels: impl IntoIterator<Item = &'a str>) -> Self {
        Template::new(name, labels.into_iter().zip((0..).map(LabelValue::Given)))
    }

    /// The series of `name` with these labels.
    pub fn new<'a>(
        name: &str,
        labels: impl IntoIterator<Item = (&'a str, LabelValue<'a>)>,
    ) -> Self {
        let mut gaps = Vec::new();
        let mut text = name.to_string();
        let mut separator = '{';
        for (label, value) in labels {
            text.push(separator);
            text.push_str(label);
            text.push_str("=\"");
            match value {
                LabelValue::Fixed(value) => {
                    let mut escaped = Vec::new();
                    write_label_value(value.as_bytes(), &mut escaped);
                    text.push_str(&String::from_utf8_lossy(&escaped));
                }
                LabelValue::Given(index) => gaps.push((std::mem::take(&mut text), index)),
            }
            text.push('"');
            separator = ',';
        }
        text.push_str(if separator == '{' { " " } else { "} " });
        Template { gaps, end: text }
    }
}

/// The samples of one page, on their way to text.
#[derive(Debug, Default)]
pub struct Page {
    /// The series of all samples as they will be printed, one behind the other.
    text: Vec<u8>,
    samples: Vec<Sample>,
}

impl Page {
    /// Adds a sample to the family at the index `family`, whose series `template` makes of `values`.
    ///
    /// Label values may hold any bytes. Of several samples of the same series, the one added last counts.
    pub fn add(&mut self, family: usize, template: &Template, values: &[&[u8]], value: Value) {
        let start = self.text.len();
        for (before, index) in &template.gaps {
            append(before.as_bytes(), &mut self.text);
            let value = values.get(*index).copied().unwrap_or_default();
            write_label_value(value, &mut self.text);
        }
        append(template.end.as_bytes(), &mut self.text);
        self.samples.push(Sample {
            family,
            series: start..self.text.len(),
            value,
            next: NONE,
        });
    }

    /// How many samples were added.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Prints the page at the end of `out`, the families in the order of `headers`.
    pub fn write(&mut self, headers: &[Header], out: &mut Vec<u8>) {
        let first = self.chain(headers.len());
        out.reserve(self.text.len() + self.samples.len() * VALUE + headers.len() * HEADER);
        for (header, first) in headers.iter().zip(&first) {
            let mut next = self.samples.get(*first);
            if next.is_some() {
                out.extend_from_slice(&header.0);
            }
            while let Some(sample) = next {
                append(series(&self.text, sample), out);
                write_value(sample.value, out);
                out.push(b'\n');
                next = self.samples.get(sample.next);
            }
        }
    }

    /// Chains the samples of each family, without those whose series comes again, and returns the first one of
    /// each.
    fn chain(&mut self, families: usize) -> Vec<usize> {
        // From the end, so that the last sample of a series is the one that stays, and within a family the
        // order is the one in which they were added.
        let mut seen =
            HashSet::with_capacity_and_hasher(self.samples.len(), RandomState::default());
        let mut first = vec![NONE; families];
        for (index, sample) in self.samples.iter_mut().enumerate().rev() {
            if seen.insert(series(&self.text, sample))
                && let Some(first) = first.get_mut(sample.family)
            {
                sample.next = std::mem::replace(first, index);
            }
        }
        first
    }
}

/// The series of `sample` in the text of its page.
fn series<'t>(text: &'t [u8], sample: &Sample) -> &'t [u8] {
    text.get(sample.series.clone()).unwrap_or_default()
}

/// The format is UTF-8 throughout. A byte that is not becomes the four characters `\xHH`, so that
/// two names that differ only in such bytes stay two series.
fn write_label_value(value: &[u8], out: &mut Vec<u8>) {
    // Nearly all are.
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if value.iter().all(is_plain) {
        append(value, out);
        return;
    }
    for chunk in value.utf8_chunks() {
        write_escaped(chunk.valid(), out);
        for byte in chunk.invalid() {
            print(out, format_args!("\\\\x{byte:02x}"));
        }
    }
}

/// Writes `text` with a backslash before each backslash and quote, and for each newline.
fn write_escaped(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            _ => out.push(byte),
        }
    }
}

fn write_value(value: Value, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    match value {
        Value::Unsigned(number) => append(digits.format(number).as_bytes(), out),
        Value::Signed(number) => append(digits.format(number).as_bytes(), out),
        Value::Float(number) => print(out, format_args!("{number}")),
    }
}

fn print(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A write to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILIES: &[Family] = &[
        Family {
            name: "calls_total",
            kind: Kind::Counter,
            help: "Calls, a \\ and a\nsecond line",
        },
        Family {
            name: "level",
            kind: Kind::Gauge,
            help: "Level",
        },
    ];

    type Added<'a> = (usize, &'a [(&'static str, &'a [u8])], Value);

    fn page(samples: &[Added<'_>]) -> String {
        let mut page = Page::default();
        for (family, labels, value) in samples {
            let name = FAMILIES.get(*family).map_or("", |family| family.name);
            let given = (0..).map(LabelValue::Given);
            let template = Template::new(name, labels.iter().map(|(name, _)| *name).zip(given));
            let values: Vec<&[u8]> = labels.iter().map(|(_, value)| *value).collect();
            page.add(*family, &template, &values, *value);
        }
        let mut out = Vec::new();
        page.write(&Header::of(FAMILIES), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_page_without_samples_is_empty() {
        assert_eq!(page(&[]), "");
    }

    #[test]
    fn samples_of_a_family_stand_together_in_the_order_they_came() {
        assert_eq!(
            page(&[
                (1, &[("of", b"b")], Value::Signed(-6)),
                (0, &[], Value::Unsigned(u64::MAX)),
                (1, &[("of", b"a"), ("by", b"x")], Value::Float(0.25)),
            ]),
            "# HELP calls_total Calls, a \\\\ and a\\nsecond line\n\
             # TYPE calls_total counter\n\
             calls_total 18446744073709551615\n\
             # HELP level Level\n\
             # TYPE level gauge\n\
             level{of=\"b\"} -6\n\
             level{of=\"a\",by=\"x\"} 0.25\n"
        );
    }

    #[test]
    fn the_later_of_two_samples_of_one_series_counts() {
        assert_eq!(
            page(&[
                (1, &[("of", b"a")], Value::Signed(1)),
                (1, &[("of", b"b")], Value::Signed(2)),
                (1, &[("of", b"a")], Value::Signed(3)),
            ]),
            "# HELP level Level\n# TYPE level gauge\nlevel{of=\"b\"} 2\nlevel{of=\"a\"} 3\n"
        );
    }

    #[test]
    fn fixed_label_values_are_escaped_as_well() {
        let labels = [
            ("a", LabelValue::Fixed("x\"\\")),
            ("b", LabelValue::Given(1)),
            ("c", LabelValue::Fixed("z")),
        ];
        let mut page = Page::default();
        let template = Template::new("level", labels);
        page.add(1, &template, &[b"", b"y"], Value::Signed(1));
        let mut out = Vec::new();
        page.write(&Header::of(FAMILIES), &mut out);
        let text = String::from_utf8_lossy(&out).into_owned();
        assert!(
            text.ends_with("\nlevel{a=\"x\\\"\\\\\",b=\"y\",c=\"z\"} 1\n"),
            "{text}"
        );
    }

    #[test]
    fn label_values_are_escaped_and_always_utf8() {
        assert_eq!(
            page(&[(
                1,
                &[("of", b"q\" b\\ n\n r\r t\t \xc3\xbc \xff\xfe \xe2\x82")],
                Value::Signed(1)
            )]),
            "# HELP level Level\n# TYPE level gauge\n\
             level{of=\"q\\\" b\\\\ n\\n r\r t\t \u{fc} \\\\xff\\\\xfe \\\\xe2\\\\x82\"} 1\n"
        );
    }
}
