//! What holds for any bytes and any names: the parser reads what a server prints and survives what
//! it does not, and a page is always valid.

use std::collections::BTreeMap;

use crate::support::page::Page as ReadPage;
use opensips_exporter::exposition::{Family, Header, Kind, Page, Series, Value};
use opensips_exporter::mi::{Statistic, line};
use opensips_exporter::processors::{Collection, Mapping, PROCESSORS};
use opensips_exporter::selection::Selection;
use proptest::collection::vec;
use proptest::prelude::*;

/// Any name that fits on a line.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let bytes = vec(
        any::<u8>().prop_filter("no newline", |byte| *byte != b'\n'),
        1..20,
    );
    let tricky = prop::sample::select(vec![
        "a:: 1",
        "a = 1",
        " ",
        ":: ",
        " = ",
        "::",
        "=",
        "\"",
        "\\",
        "\\n",
        "\r",
        "\u{b}",
        "\u{85}",
        "\u{2028}",
        "ünï",
        "12-total_size",
        "load-proc-",
        "udp:[::1]:5060-load",
        "-users",
        "{",
        "}",
        "rcv_requests",
        "positive checks",
    ]);
    prop_oneof![
        bytes,
        vec(tricky, 1..4).prop_map(|parts| parts.concat().into_bytes())
    ]
}

/// A group ends at the first colon.
fn group() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(
        PROCESSORS
            .iter()
            .map(|processor| processor.group.as_bytes().to_vec())
            .collect::<Vec<_>>(),
    );
    let any_bytes = vec(
        any::<u8>().prop_filter("no colon", |byte| !b"\n:".contains(byte)),
        1..10,
    );
    prop_oneof![known, any_bytes]
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..1000_u64, Just(u64::MAX)]
}

fn print(statistics: &[(Vec<u8>, Vec<u8>, u64)], separator: &str, end: &str) -> Vec<u8> {
    let mut reply = b"200 OK\n".to_vec();
    for (group, name, value) in statistics {
        reply.extend_from_slice(group);
        reply.push(b':');
        reply.extend_from_slice(name);
        reply.extend_from_slice(format!("{separator}{value}\n").as_bytes());
    }
    reply.extend_from_slice(end.as_bytes());
    reply
}

/// Statistics of all kinds: with one metric or two, fixed labels or variable ones, and unclaimed.
const KNOWN: [(&str, &str); 14] = [
    ("core", "rcv_requests"),
    ("core", "fwd_requests"),
    ("core", "drop_requests"),
    ("core", "new"),
    ("load", "load-proc-1"),
    ("load", "udp:[::1]:5060-load"),
    ("shmem", "total_size"),
    ("pkmem", "9-total_size"),
    ("pkmem", "10-total_size"),
    ("pkmem", "9-used_size"),
    ("tm", "UAS_transactions"),
    ("new", "rcv_requests"),
    ("usrloc", "a-users"),
    ("shmem_dialog", "fragments"),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn what_a_server_prints_is_what_is_read(
        statistics in vec((group(), name(), value()), 0..20),
        separator in prop::sample::select(vec![":: ", " = "]),
        end in prop::sample::select(vec!["", "\n"]),
    ) {
        let reply = print(&statistics, separator, end);
        prop_assert!(line::check(&reply).is_ok());
        let read: Vec<_> = line::statistics(&reply)
            .map(|line| line.map(|s| (s.group.to_vec(), s.name.to_vec(), s.value)))
            .collect();
        let expected: Vec<_> = statistics.into_iter().map(Ok).collect();
        prop_assert_eq!(read, expected);
    }

    /// Every line is either parsed or reported, and every slice lies within the reply.
    #[test]
    fn any_bytes_are_read_without_a_panic(reply in vec(any::<u8>(), 0..400)) {
        let _ = line::check(&reply);
        let within = |part: &[u8]| reply.as_ptr_range().contains(&part.as_ptr())
            && part.as_ptr_range().end <= reply.as_ptr_range().end;
        let lines = reply.split(|&byte| byte == b'\n').skip(1).filter(|line| !line.is_empty());
        prop_assert_eq!(line::statistics(&reply).count(), lines.count());
        for line in line::statistics(&reply) {
            match line {
                Ok(statistic) => prop_assert!(within(statistic.group) && within(statistic.name)),
                Err(unparsed) => prop_assert!(within(unparsed.0)),
            }
        }
    }

    /// As above, with bytes that get further.
    #[test]
    fn nearly_right_replies_are_read_without_a_panic(
        pieces in vec(prop::sample::select(vec![
            "200 OK", "200", "404 Statistics Not Found", "\n", "\n\n", "core:", ":", "::", ":: ",
            " = ", " ", "rcv_requests", "1", "18446744073709551615", "18446744073709551616", "-1",
            "\t", "\r", "\0",
        ]), 0..30),
    ) {
        let reply = pieces.concat().into_bytes();
        let _ = line::check(&reply);
        prop_assert!(line::statistics(&reply).count() <= reply.len());
    }

    /// Whatever the names are, the page is valid and holds the last value of each statistic.
    #[test]
    fn a_page_is_valid_and_complete(statistics in vec((group(), name(), value()), 0..40)) {
        let mapping = Mapping::new(PROCESSORS);
        let mut collection = Collection::new(&mapping);
        for (group, name, value) in &statistics {
            collection.add(&Statistic { group, name, value: *value });
        }
        let mut out = Vec::new();
        collection.write(&mut out);
        let read = ReadPage::read(&out).map_err(TestCaseError::fail)?;

        let unclaimed = read.family("opensips_statistic");
        for sample in unclaimed.iter().flat_map(|family| &family.samples) {
            let last = statistics.iter().rev().find(|(group, name, _)| {
                sample.labels["group"] == as_label(group) && sample.labels["name"] == as_label(name)
            });
            let value = last.map(|(.., value)| value.cast_signed().to_string());
            prop_assert_eq!(Some(&sample.value), value.as_ref());
        }
    }

    /// Of a statistic that comes several times the last one counts.
    #[test]
    fn a_statistic_that_comes_again_replaces_the_one_before(
        statistics in vec((prop::sample::select(KNOWN.to_vec()), 0..1_u64 << 63), 0..30),
    ) {
        let mapping = Mapping::new(PROCESSORS);
        let page = |statistics: &mut dyn Iterator<Item = &((&str, &str), u64)>| {
            let mut collection = Collection::new(&mapping);
            for &((group, name), value) in statistics {
                collection.add(&Statistic { group: group.as_bytes(), name: name.as_bytes(), value });
            }
            let mut out = Vec::new();
            collection.write(&mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        let last = statistics.iter().enumerate().filter(|(index, (key, _))| {
            !statistics[index + 1..].iter().any(|(other, _)| other == key)
        });
        let alone = page(&mut last.map(|(_, statistic)| statistic));
        prop_assert_eq!(page(&mut statistics.iter()), alone);
    }

    /// Label values come back from the page as they went in, and no label is lost.
    #[test]
    fn labels_survive_the_page(values in vec(name(), 1..5)) {
        const FAMILY: &[Family] = &[Family { name: "m", kind: Kind::Gauge, help: "M" }];
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        let mut page = Page::default();
        let series = Series::given(0, "m", NAMES.into_iter().take(values.len()));
        let given: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        page.add(&series, &given, Value::Signed(1));
        let mut out = Vec::new();
        page.write(&Header::of(FAMILY), &mut out);
        let read = ReadPage::read(&out).map_err(TestCaseError::fail)?;
        let expected: BTreeMap<String, String> = std::iter::zip(NAMES, &values)
            .map(|(name, value)| (name.to_string(), as_label(value)))
            .collect();
        prop_assert_eq!(&read.families[0].samples[0].labels, &expected);
    }

    /// What a URL selects is one line of the request for each argument, whatever it holds.
    #[test]
    fn a_selection_adds_no_line_to_the_request(values in vec(vec(any::<u8>(), 0..12), 0..5)) {
        if let Ok(selection) = Selection::parse(values, &Default::default()) {
            let arguments = selection.wanted().arguments;
            let request = line::request("get_statistics", &arguments);
            let lines = request.split(|&byte| byte == b'\n').count();
            prop_assert_eq!(lines, arguments.len() + 2);
            prop_assert!(request.starts_with(b":get_statistics:\n") && request.ends_with(b"\n"));
        }
    }
}

/// What a label value looks like that a server spelled like this: bytes that are not UTF-8 as
/// `\xHH`.
fn as_label(bytes: &[u8]) -> String {
    bytes
        .utf8_chunks()
        .flat_map(|chunk| {
            let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
            std::iter::once(chunk.valid().to_string()).chain(invalid)
        })
        .collect()
}
