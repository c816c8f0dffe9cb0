//! The groups that a server may have, to ask for one by one when `all` cannot be asked for.

/// The groups of OpenSIPS 1.11 to 4.0 and Kamailio 5.6, but for those that a configuration names. A
/// server lists its groups only together with all statistics, in a reply larger than that to `all`.
#[rustfmt::skip]
const GROUPS: &[&str] = &[
    "shmem", "rpmem", "core", "net", "dynamic", "script", "pkmem", "load", "sql", "cdb", "dns",
    "cachedb_redis", "call_center", "clusterer", "dialog", "imc", "msilo", "nat_traversal",
    "registrar", "sipcapture", "siptrace", "sl", "snmpstats", "sst", "tm", "tmx", "tracer", "uri",
    "usrloc",
];

/// Those in which the script makes names while the server runs.
pub const GROWING: &[&str] = &["dynamic", "script"];

/// The most groups that are remembered beside [`GROUPS`].
const MAX_OTHERS: usize = 256;

/// Whether `argument` asks for a group in which the script may make names without end, or for all.
pub fn may_grow(argument: &str) -> bool {
    let is_made = |group| GROWING.contains(&group) || !GROUPS.contains(&group);
    argument == "all" || argument.strip_suffix(':').is_some_and(is_made)
}

/// The groups that a server has or had, also before it was started again.
#[derive(Debug, Default)]
pub struct Groups {
    /// Those that were seen beside [`GROUPS`].
    others: Vec<String>,
    /// Whether the server was seen to tell all of its groups.
    pub are_all_known: bool,
}

impl Groups {
    /// Notes that the server has this group.
    pub fn add(&mut self, group: &[u8]) {
        if let Ok(group) = str::from_utf8(group)
            && !GROUPS.contains(&group)
            && !self.others.iter().any(|other| other == group)
            && self.others.len() < MAX_OTHERS
        {
            self.others.push(group.to_string());
        }
    }

    /// All of them and `named`, as arguments.
    pub fn arguments(&self, named: &[String]) -> Vec<String> {
        let others = self.others.iter().chain(named).map(String::as_str);
        let mut arguments: Vec<String> = Vec::new();
        for group in GROUPS.iter().copied().chain(others) {
            let argument = format!("{}:", group.to_ascii_lowercase());
            if !arguments.contains(&argument) {
                arguments.push(argument);
            }
        }
        arguments
    }
}
