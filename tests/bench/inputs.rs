//! Replies of servers of any size in each dialect, and what is measured with them.

use opensips_exporter::mi::Dialect;
use opensips_exporter::processors::{Collection, Mapping};

use crate::support::captured;
use crate::support::stand_in::{KAMAILIO, Statistic, V2_4, V3_6, Version, answer, read_captured};

/// The id of the request that they answer.
const ID: u32 = 1;

/// The dialects, each with a version that speaks it.
pub const DIALECTS: &[(Dialect, Version)] = &[
    (Dialect::Line, V2_4),
    (Dialect::JsonRpc, V3_6),
    (Dialect::Kamailio, KAMAILIO),
];

/// So many statistics: the captured ones of a small server, and then those of further processes.
pub fn statistics(count: usize) -> Vec<Statistic> {
    let mut all = read_captured(&captured());
    for process in 100.. {
        if all.len() >= count {
            break;
        }
        for (name, value) in [
            ("total_size", 16_777_216),
            ("used_size", 1_000_000 + process),
            ("real_used_size", 1_100_000),
            ("max_used_size", 1_200_000),
            ("free_size", 15_677_216),
            ("fragments", 1157),
        ] {
            let name = format!("{process}-{name}").into_bytes();
            all.push((b"pkmem".into(), name, value));
        }
        for name in ["load-proc", "load1m-proc", "load10m-proc"] {
            let name = format!("{name}-{process}").into_bytes();
            all.push((b"load".into(), name, process % 100));
        }
    }
    // Groups stay together.
    all.sort_by(|one, other| one.0.cmp(&other.0));
    let step = all.len() as f64 / count as f64;
    let every = (0..count).filter_map(|index| all.get((index as f64 * step) as usize).cloned());
    every.collect()
}

/// The reply of a server with these statistics.
pub fn reply(dialect: Dialect, version: Version, statistics: &[Statistic]) -> Vec<u8> {
    let request = dialect.get_statistics(&["all".to_string()], ID);
    answer(&request, version.with_limit(usize::MAX), statistics).expect("a reply")
}

/// Makes the page of a reply.
pub fn make(mapping: &Mapping, dialect: Dialect, reply: &[u8]) -> Vec<u8> {
    let mut collection = Collection::new(mapping);
    let read = dialect.read_statistics(reply, ID, &mut |statistic| {
        if let Ok(statistic) = statistic {
            collection.add(&statistic);
        }
    });
    assert!(read.is_ok(), "a whole reply");
    let mut out = Vec::new();
    collection.write(&mut out);
    out
}
