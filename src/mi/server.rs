//! What is known of a server that has answered, for as long as it is there.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::commands::Commands;
use super::dialect::{Dialect, Product};
use super::endpoint::Identity;
use super::layout::{Layout, LeftOut};
use super::processes::Roster;

/// How much later a server may seem to have started, since it counts whole seconds and a reply takes time.
const JITTER: Duration = Duration::from_secs(5);

/// Lists of arguments of which it is remembered that they fit into one reply.
const MAX_FITTED: usize = 64;

/// How often a server is asked again what it is, if it would not say so.
const MAX_ASKED_AGAIN: u32 = 10;

/// Scrapes in which a server is asked for its groups in vain, before that is told.
const PATIENCE: u32 = 3;

/// Scrapes after which the groups of a server are listed again. At one scrape every 15 s it is an hour.
const RELIST: u32 = 240;

/// A server that has answered.
#[derive(Debug)]
pub struct Server {
    /// What it speaks.
    pub dialect: Dialect,
    /// What it says it is.
    pub product: OnceLock<Product>,
    /// What tells it from another one.
    pub identity: Option<Identity>,
    /// When it started, as its uptime says, if it was asked for that.
    started: Mutex<Option<Instant>>,
    layout: Mutex<Layout>,
    /// What the log said is too large for a reply.
    told: Mutex<LeftOut>,
    /// The arguments that were answered in one reply.
    fitted: Mutex<BTreeSet<Vec<String>>>,
    roster: Mutex<Roster>,
    commands: Mutex<Commands>,
    /// Scrapes since its groups were listed.
    since_listed: AtomicU32,
    /// How often it was asked again what it is.
    asked_again: AtomicU32,
    /// How often it did not list its groups.
    silent: AtomicU32,
}

impl Server {
    /// A server that speaks `dialect` and says it is `version`.
    pub fn new(dialect: Dialect, version: &str, identity: Option<Identity>) -> Self {
        let server = Server {
            dialect,
            product: OnceLock::new(),
            identity,
            started: Mutex::default(),
            layout: Mutex::new(Layout::new(version)),
            told: Mutex::default(),
            fitted: Mutex::default(),
            roster: Mutex::default(),
            commands: Mutex::default(),
            since_listed: AtomicU32::new(0),
            asked_again: AtomicU32::new(0),
            silent: AtomicU32::new(0),
        };
        server.name(version);
        server
    }

    /// Notes that it says it is `version`, unless it said so before.
    pub fn name(&self, version: &str) {
        if let Some(product) = Product::parse(version) {
            let _ = self.product.set(product);
        }
    }

    /// Whether it knows the command `list_statistics`: 1.x does not, and logs that.
    pub fn lists_statistics(&self) -> bool {
        let product = self.product.get();
        !product.is_some_and(|product| product.version.starts_with("1."))
    }

    /// Logs what is left out of the page, when that is news.
    pub fn tell(&self) {
        let left_out = self.layout().hopeless();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != left_out && !left_out.is_empty() {
            log::warn!("{left_out}");
        }
        *told = left_out;
    }

    /// Whether this is another start than the one that was known, if it was `started` then.
    pub fn has_started_again(&self, started: Option<Instant>) -> bool {
        let mut known = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let is_later = |(known, started): (Instant, Instant)| started > known + JITTER;
        let has = known.zip(started).is_some_and(is_later);
        *known = started.or(*known);
        has
    }

    /// Whether `arguments` were answered in one reply before.
    pub fn has_fitted(&self, arguments: &[String]) -> bool {
        self.fitted().contains(arguments)
    }

    /// Notes that `arguments` were answered in one reply.
    pub fn note_fitted(&self, arguments: &[String]) {
        let mut fitted = self.fitted();
        if !fitted.contains(arguments) {
            if fitted.len() >= MAX_FITTED {
                fitted.clear();
            }
            fitted.insert(arguments.to_vec());
        }
    }

    fn fitted(&self) -> MutexGuard<'_, BTreeSet<Vec<String>>> {
        self.fitted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it would not say what it is, and may be asked again.
    pub fn is_nameless(&self) -> bool {
        self.product.get().is_none()
            && self.asked_again.fetch_add(1, Ordering::Relaxed) < MAX_ASKED_AGAIN
    }

    /// What is known of the size of its replies.
    pub fn layout(&self) -> MutexGuard<'_, Layout> {
        self.layout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its processes.
    pub fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its commands.
    pub fn commands(&self) -> MutexGuard<'_, Commands> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its groups should be listed in this scrape: in the first one, and now and then, since the
    /// script can make groups.
    pub fn is_to_be_listed(&self) -> bool {
        let listed = self.since_listed.fetch_add(1, Ordering::Relaxed);
        listed.is_multiple_of(RELIST)
    }

    /// Notes that it did not list its groups, so that it should in the next scrape. After some it is told in
    /// the log.
    pub fn note_silence(&self) {
        let silent = self.silent.fetch_add(1, Ordering::Relaxed) + 1;
        if silent < PATIENCE {
            self.since_listed.store(0, Ordering::Relaxed);
        } else if silent == PATIENCE {
            log::warn!(
                "the server does not list its statistics, which may be too many for one reply: with --exclude, groups that its configuration makes (stat_groups, stat_series_profile) are not found, name them by --collect"
            );
        }
    }
}
