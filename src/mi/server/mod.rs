//! What is known of a server that has answered, for as long as it is there: plain fields. No I/O.

mod commands;
mod processes;
mod questions;

use std::time::{Duration, Instant};

use super::split::Plan;
use super::transport::{Endpoint, Identity};
use super::wire::{Dialect, Product};
pub use commands::{Call, Command, Commands, list_of_names};
pub use processes::{Process, Processes, processes_in};
pub use questions::{Questions, Topic};

/// How much later a server may seem to have started, since it counts whole seconds and a reply
/// takes time.
const JITTER: Duration = Duration::from_secs(5);

/// A server that has answered.
#[derive(Debug)]
pub struct Server {
    /// What it speaks.
    pub dialect: Dialect,
    /// What it says it is, if it said so.
    pub product: Option<Product>,
    /// What tells it from another one.
    pub identity: Option<Identity>,
    /// When it started, as its uptime says, if it was asked for that.
    started: Option<Instant>,
    /// The size of its replies.
    pub plan: Plan,
    /// Its processes.
    pub processes: Processes,
    /// Its commands.
    pub commands: Commands,
    /// What it was asked for beside its statistics and did not tell.
    pub questions: Questions,
    /// When it told its groups.
    pub groups_told: Option<Instant>,
}

impl Server {
    /// A server behind `endpoint` with `identity` that speaks `dialect` and says it is `version`.
    pub fn new(
        dialect: Dialect,
        version: &str,
        identity: Option<Identity>,
        endpoint: &Endpoint,
    ) -> Self {
        let capacity = match endpoint.is_fifo() {
            true => usize::MAX,
            false => capacity(dialect, version),
        };
        Server {
            dialect,
            product: Product::parse(version),
            identity,
            started: None,
            plan: Plan::new(capacity, endpoint.max_request()),
            processes: Processes::default(),
            commands: Commands::default(),
            questions: Questions::default(),
            groups_told: None,
        }
    }

    /// Whether it knows the command `list_statistics`: 1.x does not, and logs that; Kamailio has
    /// none.
    pub fn lists_groups(&self) -> bool {
        let product = self.product.as_ref();
        let is_first = product.is_some_and(|product| product.version.starts_with("1."));
        !is_first && self.dialect != Dialect::Kamailio
    }

    /// Whether this is another start than the one that was known, if it was `started` then.
    pub fn has_started_again(&mut self, started: Option<Instant>) -> bool {
        let is_later = |(known, started): (Instant, Instant)| started > known + JITTER;
        let has = self.started.zip(started).is_some_and(is_later);
        self.started = started.or(self.started);
        has
    }
}

/// Bytes that fit into one datagram of a server: 32,733 were seen in 1.11, 65,415 in 3.6, 65,447 in
/// 2.4, and 131,040 in Kamailio 5.6 and 6.1.
fn capacity(dialect: Dialect, version: &str) -> usize {
    match dialect {
        Dialect::Kamailio => 131_040,
        _ if version.starts_with("OpenSIPS (1.") => 32_700,
        _ => 65_400,
    }
}
