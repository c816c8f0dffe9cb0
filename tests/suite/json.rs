//! What holds for any bytes in JSON-RPC: the parser reads what a server prints and survives what it
//! does not.

use crate::support::stand_in::{KAMAILIO, Statistic, V3_6, V4_0, Version, answer};
use opensips_exporter::mi::{Dialect, Refused};
use proptest::collection::vec;
use proptest::prelude::*;

/// The statistics in a reply, and how many parts of it are none.
fn read(dialect: Dialect, reply: &[u8], id: u32) -> Result<(Vec<Statistic>, usize), Refused> {
    let (mut statistics, mut unparsed) = (Vec::new(), 0);
    dialect.read_statistics(reply, id, &mut |statistic| match statistic {
        Ok(statistic) => statistics.push((
            statistic.group.to_vec(),
            statistic.name.to_vec(),
            statistic.value,
        )),
        Err(_) => unparsed += 1,
    })?;
    Ok((statistics, unparsed))
}

/// As bytes that are not UTF-8 arrive.
fn shown(text: &[u8]) -> Vec<u8> {
    let chunks = text.utf8_chunks();
    let shown = chunks.map(|chunk| {
        let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        format!("{}{}", chunk.valid(), invalid.collect::<String>())
    });
    shown.collect::<String>().into_bytes()
}

fn dialect(version: Version) -> Dialect {
    if version.name == KAMAILIO.name {
        Dialect::Kamailio
    } else {
        Dialect::JsonRpc
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn what_a_server_prints_is_what_is_read(
        statistics in vec(
            (
                vec(any::<u8>().prop_filter("no colon", |byte| *byte != b':'), 1..10),
                vec(any::<u8>(), 1..20),
                prop_oneof![0..1000_u64, 0..1_u64 << 53],
            ),
            1..20,
        ),
        id in 0..u32::MAX >> 1,
    ) {
        for version in [V3_6, V4_0, KAMAILIO] {
            let dialect = dialect(version);
            let request = dialect.get_statistics(&["all".to_string()], id);
            let reply = answer(&request, version, &statistics).expect("a reply");
            let expected: Vec<Statistic> = statistics
                .iter()
                .map(|(group, name, value)| (shown(group), shown(name), *value))
                .collect();
            let (read, unparsed) = read(dialect, &reply, id).expect("statistics");
            prop_assert_eq!(read, expected);
            prop_assert_eq!(unparsed, 0);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        for start in ["", "{", "{\"id\":1,\"result\":{\"", "{\"id\":1,\"result\":[\"", "{\"error\":"] {
            let reply = [start.as_bytes(), &bytes].concat();
            for dialect in [Dialect::Line, Dialect::JsonRpc, Dialect::Kamailio] {
                let _ = read(dialect, &reply, 1);
                let _ = dialect.read_version(&reply, 1);
            }
        }
    }

    /// Half a number would be another number.
    #[test]
    fn a_reply_that_was_cut_off_is_no_reply(less in 1..300_usize) {
        let statistics: Vec<Statistic> = (0..20)
            .map(|number| (b"core".to_vec(), format!("a{number}").into_bytes(), 1000 + number))
            .collect();
        for version in [V3_6, KAMAILIO] {
            let dialect = dialect(version);
            let reply = answer(&dialect.get_statistics(&["all".to_string()], 1), version, &statistics);
            let reply = reply.expect("a reply");
            prop_assert!(read(dialect, &reply[..reply.len() - less], 1).is_err());
        }
    }
}
