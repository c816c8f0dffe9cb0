//! The Prometheus text exposition format 0.0.4, and nothing else.
//!
//! Samples are added to a [`Page`] in any order. The page that is written has what the format asks
//! for: one HELP and one TYPE per family, all samples of a family together, no series twice. This
//! room knows nothing of OpenSIPS.

use std::collections::HashSet;
use std::io::Write;
use std::ops::Range;

/// What an HTTP answer that carries a page calls itself.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

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

struct Sample {
    family: usize,
    labels: Range<usize>,
    value: Value,
}

/// The samples of one page, on their way to text.
pub struct Page<'f> {
    families: &'f [Family],
    /// The label pairs of all samples as they will be printed, one behind the other.
    labels: Vec<u8>,
    samples: Vec<Sample>,
}

impl<'f> Page<'f> {
    /// An empty page for samples of `families`, which are printed in that order.
    pub fn new(families: &'f [Family]) -> Self {
        Page {
            families,
            labels: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// Adds a sample to the family at the index `family`.
    ///
    /// Label values may hold any bytes. Of several samples with the same family and labels, the one
    /// added last counts.
    pub fn add<'l>(
        &mut self,
        family: usize,
        labels: impl IntoIterator<Item = (&'static str, &'l [u8])>,
        value: Value,
    ) {
        let start = self.labels.len();
        for (name, value) in labels {
            if self.labels.len() > start {
                self.labels.push(b',');
            }
            self.labels.extend_from_slice(name.as_bytes());
            self.labels.extend_from_slice(b"=\"");
            write_label_value(value, &mut self.labels);
            self.labels.push(b'"');
        }
        self.samples.push(Sample {
            family,
            labels: start..self.labels.len(),
            value,
        });
    }

    /// Prints the page at the end of `out`.
    pub fn write(self, out: &mut Vec<u8>) {
        let Page {
            families,
            labels,
            mut samples,
        } = self;
        let text = |sample: &Sample| labels.get(sample.labels.clone()).unwrap_or_default();

        // From the end, so that the last sample of a series is the one that stays.
        let mut seen = HashSet::with_capacity(samples.len());
        samples.reverse();
        samples.retain(|sample| seen.insert((sample.family, text(sample))));
        samples.reverse();

        // Stable: within a family the order of the samples is the order they were added in.
        samples.sort_by_key(|sample| sample.family);

        for of_family in samples.chunk_by(|a, b| a.family == b.family) {
            let Some(family) = of_family.first().and_then(|s| families.get(s.family)) else {
                continue;
            };
            write_header(family, out);
            for sample in of_family {
                out.extend_from_slice(family.name.as_bytes());
                let labels = text(sample);
                if !labels.is_empty() {
                    out.push(b'{');
                    out.extend_from_slice(labels);
                    out.push(b'}');
                }
                out.push(b' ');
                write_value(sample.value, out);
                out.push(b'\n');
            }
        }
    }
}

fn write_header(family: &Family, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(family.name.as_bytes());
    out.push(b' ');
    for byte in family.help.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(family.name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(family.kind.name().as_bytes());
    out.push(b'\n');
}

/// The format is UTF-8 throughout. A byte that is not becomes the four characters `\xHH`, so that
/// two names that differ only in such bytes stay two series.
fn write_label_value(value: &[u8], out: &mut Vec<u8>) {
    for chunk in value.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'"' => out.extend_from_slice(b"\\\""),
                b'\n' => out.extend_from_slice(b"\\n"),
                _ => out.push(byte),
            }
        }
        for byte in chunk.invalid() {
            print(out, format_args!("\\\\x{byte:02x}"));
        }
    }
}

fn write_value(value: Value, out: &mut Vec<u8>) {
    match value {
        Value::Unsigned(number) => print(out, format_args!("{number}")),
        Value::Signed(number) => print(out, format_args!("{number}")),
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
        let mut page = Page::new(FAMILIES);
        for (family, labels, value) in samples {
            page.add(*family, labels.iter().copied(), *value);
        }
        let mut out = Vec::new();
        page.write(&mut out);
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
