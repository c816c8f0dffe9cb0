//! The Prometheus text exposition format 0.0.4, and nothing else.
//!
//! Samples are added to a [`Page`] in any order. The page that is written has what the format asks
//! for: one HELP and one TYPE per family, all samples of a family together, no series twice. This
//! room knows nothing of OpenSIPS.

mod family;
mod value;

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;

use crate::bytes::append;
pub use family::{Family, Header, Kind};
use value::write_label_value;
pub use value::{Merge, Value};

/// What an HTTP answer that carries a page calls itself.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bytes that a sample and the header of a family take, about, and the label values of a sample.
const SAMPLE: usize = 64;
const GAPS: usize = 8;
const HEADER: usize = 240;

/// A series with gaps for label values: all that does not differ between its samples is made once.
#[derive(Debug)]
pub struct Series {
    /// The index of its family.
    family: usize,
    /// See [`Series::at`].
    place: usize,
    /// What samples with the same labels become.
    merge: Merge,
    /// The text up to the first gap, or all of it.
    start: Vec<u8>,
    /// Which value fills each gap, and the text up to the next one or the end.
    gaps: Vec<(usize, Vec<u8>)>,
}

/// A label value of a [`Series`].
#[derive(Debug, Clone, Copy)]
pub enum LabelValue<'a> {
    /// Always this.
    Fixed(&'a str),
    /// The value with this index of those that a sample brings.
    Given(usize),
}

impl Series {
    /// The series `name` of the family at the index `family`, with these labels.
    pub fn new<'a>(
        family: usize,
        name: &str,
        labels: impl IntoIterator<Item = (&'a str, LabelValue<'a>)>,
    ) -> Self {
        let mut start = Vec::new();
        let mut gaps: Vec<(usize, Vec<u8>)> = Vec::new();
        let mut text = name.as_bytes().to_vec();
        let mut separator = b'{';
        for (label, value) in labels {
            text.push(separator);
            text.extend_from_slice(label.as_bytes());
            text.extend_from_slice(b"=\"");
            match value {
                LabelValue::Fixed(value) => write_label_value(value.as_bytes(), &mut text),
                LabelValue::Given(index) => {
                    *gaps.last_mut().map_or(&mut start, |(_, end)| end) = mem::take(&mut text);
                    gaps.push((index, Vec::new()));
                }
            }
            text.push(b'"');
            separator = b',';
        }
        text.extend_from_slice(if separator == b'{' { b" " } else { b"} " });
        *gaps.last_mut().map_or(&mut start, |(_, end)| end) = text;
        Series { family, place: 0, merge: Merge::Last, start, gaps }
    }

    /// The same with labels whose values all come with the samples, in this order.
    pub fn given<'a>(family: usize, name: &str, labels: impl IntoIterator<Item = &'a str>) -> Self {
        let given = (0..).map(LabelValue::Given);
        Series::new(family, name, labels.into_iter().zip(given))
    }

    /// The series `name` without labels: those come with the samples, see [`Page::add_labelled`].
    pub fn named(family: usize, name: &str) -> Self {
        let (start, gaps) = (name.into(), Vec::new());
        Series { family, place: 0, merge: Merge::Last, start, gaps }
    }

    /// The same at this place among the series of its family: those that label values can make
    /// equal need the same place.
    pub fn at(self, place: usize) -> Self {
        Series { place, ..self }
    }

    /// The same, whose samples with the same labels become that.
    pub fn merged_to(self, merge: Merge) -> Self {
        Series { merge, ..self }
    }
}

#[derive(Debug)]
struct Sample<'s> {
    series: &'s Series,
    /// Where that stands in the text of the page which fills its gaps.
    text: Range<usize>,
    value: Value,
    /// The next sample of its family.
    next: usize,
    is_repeated: bool,
}

/// The samples of a family.
#[derive(Debug, Clone)]
struct Chain {
    first: usize,
    last: usize,
    /// Whether each sample comes behind the one before in their [`order`]. Then no series comes
    /// twice. Servers mostly count their processes from the first to the last.
    is_ordered: bool,
}

/// No sample.
const NONE: usize = usize::MAX;

/// The samples of one page, on their way to text.
#[derive(Debug, Default)]
pub struct Page<'s> {
    /// What fills the gaps of all samples, as it will be printed, one behind the other.
    text: Vec<u8>,
    samples: Vec<Sample<'s>>,
}

impl<'s> Page<'s> {
    /// A page with room for so many samples. More can be added all the same.
    pub fn with_room(samples: usize) -> Self {
        Page { text: Vec::with_capacity(samples * GAPS), samples: Vec::with_capacity(samples) }
    }

    /// Adds a sample to the family of `series`, whose gaps these label values fill.
    ///
    /// They may hold any bytes. What becomes of several samples with the same labels is the
    /// [`Merge`] of the series.
    pub fn add(&mut self, series: &'s Series, values: &[&[u8]], value: Value) {
        let start = self.text.len();
        for (index, text) in &series.gaps {
            let value = values.get(*index).copied().unwrap_or_default();
            write_label_value(value, &mut self.text);
            append(text, &mut self.text);
        }
        self.push(series, start, value);
    }

    /// The same for a [`Series::named`], with names and values of its labels.
    pub fn add_labelled<'a>(
        &mut self,
        series: &'s Series,
        labels: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        value: Value,
    ) {
        let start = self.text.len();
        let mut separator = b'{';
        for (name, value) in labels {
            self.text.push(separator);
            append(name.as_bytes(), &mut self.text);
            append(b"=\"", &mut self.text);
            write_label_value(value, &mut self.text);
            self.text.push(b'"');
            separator = b',';
        }
        append(if separator == b'{' { b" " } else { b"} " }, &mut self.text);
        self.push(series, start, value);
    }

    /// Adds a sample whose text begins at `start`.
    fn push(&mut self, series: &'s Series, start: usize, value: Value) {
        let text = start..self.text.len();
        self.samples.push(Sample { series, text, value, next: NONE, is_repeated: false });
    }

    /// Prints the page at the end of `out`, the families in the order of `headers`.
    pub fn write(mut self, headers: &[Header], out: &mut Vec<u8>) {
        let chains = self.chain(headers.len());
        let families = chains.iter().filter(|chain| chain.first != NONE).count();
        out.reserve(self.text.len() + self.samples.len() * SAMPLE + families * HEADER);
        for (header, chain) in headers.iter().zip(&chains) {
            if !chain.is_ordered {
                self.merge_repeated(chain.first);
            }
            let mut next = self.samples.get(chain.first);
            if next.is_some() {
                out.extend_from_slice(header.text());
            }
            while let Some(sample) = next {
                if !sample.is_repeated {
                    append(&sample.series.start, out);
                    append(text_of(sample, &self.text), out);
                    sample.value.write(out);
                    out.push(b'\n');
                }
                next = self.samples.get(sample.next);
            }
        }
    }

    /// Chains the samples of each family, and gives the chains.
    fn chain(&mut self, families: usize) -> Vec<Chain> {
        let none = Chain { first: NONE, last: NONE, is_ordered: true };
        let mut chains = vec![none; families];
        for index in 0..self.samples.len() {
            let Some((before, [sample, ..])) = self.samples.split_at_mut_checked(index) else {
                break;
            };
            let Some(chain) = chains.get_mut(sample.series.family) else {
                continue;
            };
            match before.get_mut(chain.last) {
                Some(last) => {
                    last.next = index;
                    chain.is_ordered &= order(last, &self.text) < order(sample, &self.text);
                }
                None => chain.first = index,
            }
            chain.last = index;
        }
        chains
    }

    /// Merges those of the samples from the `first` on that are of the same series into the last.
    fn merge_repeated(&mut self, first: usize) {
        let mut known = BTreeMap::new();
        let mut index = first;
        while let Some(sample) = self.samples.get(index) {
            let next = sample.next;
            let before = known.insert(order(sample, &self.text), index);
            let before = before.and_then(|before| self.samples.get_mut(before));
            let merged = before.map(|before| {
                before.is_repeated = true;
                before.value
            });
            if let (Some(before), Some(sample)) = (merged, self.samples.get_mut(index)) {
                sample.value = sample.series.merge.of(before, sample.value);
            }
            index = next;
        }
    }
}

/// What `sample` is ordered by within its family: it is the same for those of the same series.
/// `text` is that of its page.
fn order<'p>(sample: &Sample<'_>, text: &'p [u8]) -> (usize, usize, &'p [u8]) {
    let text = text_of(sample, text);
    (sample.series.place, text.len(), text)
}

/// What fills the gaps of `sample`.
fn text_of<'p>(sample: &Sample<'_>, text: &'p [u8]) -> &'p [u8] {
    text.get(sample.text.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILIES: &[Family] = &[
        Family { name: "calls_total", kind: Kind::Counter, help: "Calls, a \\ and a\nsecond line" },
        Family { name: "level", kind: Kind::Gauge, help: "Level" },
    ];

    type Added<'a> = (usize, &'a [(&'static str, &'a [u8])], Value);

    fn page(samples: &[Added<'_>]) -> String {
        let series = samples.iter().map(|(family, labels, _)| {
            let name = FAMILIES.get(*family).map_or("", |family| family.name);
            Series::given(*family, name, labels.iter().map(|(name, _)| *name))
        });
        let series: Vec<Series> = series.collect();
        let mut page = Page::default();
        for ((_, labels, value), series) in samples.iter().zip(&series) {
            let values: Vec<&[u8]> = labels.iter().map(|(_, value)| *value).collect();
            page.add(series, &values, *value);
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
    fn samples_of_one_series_are_merged() {
        for (merge, values, expected) in [
            (Merge::Last, [Value::Signed(1), Value::Signed(-3)], "-3"),
            (Merge::Largest, [Value::Signed(1), Value::Signed(-3)], "1"),
            (Merge::Largest, [Value::Unsigned(1), Value::Float(1.5)], "1.5"),
            (Merge::Sum, [Value::Unsigned(1), Value::Unsigned(3)], "4"),
            (Merge::Sum, [Value::Unsigned(1), Value::Signed(-3)], "-2"),
        ] {
            let series = Series::named(1, "level").merged_to(merge);
            let mut page = Page::default();
            let [first, last] = values;
            for (of, value) in [("a", first), ("b", Value::Signed(2)), ("a", last)] {
                page.add_labelled(&series, [("of", of.as_bytes())], value);
            }
            page.add_labelled(&series, [], last);
            let mut out = Vec::new();
            page.write(&Header::of(FAMILIES), &mut out);
            let text = String::from_utf8_lossy(&out).into_owned();
            let expected =
                format!("gauge\nlevel{{of=\"b\"}} 2\nlevel{{of=\"a\"}} {expected}\nlevel ");
            assert!(text.contains(&expected), "{text}");
        }
    }

    #[test]
    fn fixed_label_values_are_escaped_as_well() {
        let labels = [
            ("a", LabelValue::Fixed("x\"\\")),
            ("b", LabelValue::Given(1)),
            ("c", LabelValue::Fixed("z")),
        ];
        let series = Series::new(1, "level", labels);
        let mut page = Page::default();
        page.add(&series, &[b"", b"y"], Value::Signed(1));
        let mut out = Vec::new();
        page.write(&Header::of(FAMILIES), &mut out);
        let text = String::from_utf8_lossy(&out).into_owned();
        assert!(text.ends_with("\nlevel{a=\"x\\\"\\\\\",b=\"y\",c=\"z\"} 1\n"), "{text}");
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
