//! One scrape: a selection in, a page in the text exposition format out, whatever the server does.
//!
//! It does not know HTTP.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::Level;

use crate::config::advice;
use crate::exposition::{Page, Value};
use crate::families::{Families, Own};
use crate::mi::{self, Client, Deadline, Error, Process, Product, Reading, Statistic, Unparsed};
use crate::modules::{Collected, Modules};
use crate::news::{self, News};
use crate::processors::{Collection, Mapping, PROCESSORS};
use crate::selection::Selection;
use crate::telemetry::Telemetry;
use crate::turns::{Turn, Turns};

/// What the log calls the server, the groups of its page, and the list of its commands.
const SERVER: &str = "server";
const LEFT_OUT: &str = "groups left out";
const UNKNOWN_GROUPS: &str = "unknown groups";
const COMMANDS: &str = "commands";

/// Scrapes one server: one scrape at a time asks it, since it has one process for that.
pub struct Scraper {
    turns: Turns<Asked, Wants, Arc<[u8]>>,
    /// Where the last scrape asked.
    endpoint: Mutex<String>,
    mapping: Mapping,
    modules: Modules,
    families: Families,
    telemetry: Telemetry,
    last: Mutex<Option<Last>>,
}

/// How the last scrape went.
#[derive(Debug, Clone)]
pub struct Last {
    /// When it was over.
    pub ended: Instant,
    /// Why it failed, if it did.
    pub result: Result<(), String>,
    /// What the server says it is.
    pub product: Option<Product>,
    /// The groups and modules that the server had in the last scrape of everything.
    pub groups: Vec<String>,
}

/// The most groups that are kept. A script can make any number.
const MAX_GROUPS: usize = 200;

/// What one scrape at a time has.
struct Asked {
    client: Client,
    news: News,
}

/// What somebody wants to ask the server for, and how long that may take.
struct Wants {
    /// What the page is to show, if he wants a page.
    selection: Option<Selection>,
    deadline: Deadline,
}

/// What one scrape brought.
struct Scrape<'m> {
    result: Result<Reading, Error>,
    collection: Collection<'m>,
    groups: Vec<String>,
    unparsed: u64,
    product: Option<Product>,
    processes: Arc<[Process]>,
    collected: Collected<'m>,
}

impl Scraper {
    /// A scraper of the server behind `client`. Nothing is asked yet.
    pub fn new(client: Client, telemetry: Telemetry, modules: Modules) -> Self {
        Scraper {
            endpoint: Mutex::new(client.endpoint().to_string()),
            turns: Turns::new(Asked { client, news: News::default() }),
            families: Families::default(),
            mapping: Mapping::new(PROCESSORS),
            modules,
            telemetry,
            last: Mutex::default(),
        }
    }

    /// Where the last scrape asked.
    pub fn endpoint(&self) -> String {
        lock(&self.endpoint).clone()
    }

    /// Asks the server for what is selected by `client` and returns the page, after `limit` at the
    /// latest. It is the page of another scrape if that asked for the same while this one waited
    /// for its turn.
    pub fn scrape(&self, client: &str, selection: &Selection, limit: Duration) -> Arc<[u8]> {
        let began = Instant::now();
        let deadline = Deadline::after(limit);
        let wants = Wants { selection: Some(selection.clone()), deadline };
        let mut asked = match self.turns.wait(client, wants, deadline) {
            Turn::Taken(asked) => asked,
            Turn::Shared(page) => return page,
            Turn::TooLate => {
                let error = Error::NoTurn { waited: limit };
                log::debug!("opensips_up is 0 for one scrape: {}", advice::on_error(&error));
                return self.page(began, self.nothing(Err(error)));
            }
        };
        // A client in a hurry, or one that has waited, may get less than others would.
        let had = deadline.remaining().unwrap_or_default();
        let scrape = self.ask(&mut asked.client, selection, deadline);
        let Asked { client, news } = &mut *asked;
        let is_timeout = |error: &Error| error.is_timeout();
        if had >= client.fair_time() || !scrape.result.as_ref().is_err_and(is_timeout) {
            self.note(&scrape, selection, client, news);
        }
        let is_whole = scrape.result.is_ok() && scrape.collected.is_whole();
        let page = self.page(began, scrape);
        asked.share(&page, |wants| {
            let left = wants.deadline.remaining().unwrap_or_default();
            wants.selection.as_ref() == Some(selection) && (is_whole || left <= had)
        });
        let mut lines = asked.news.take();
        let warning = asked.client.endpoint().take_warning();
        lines.extend(warning.map(|line| (Level::Warn, line)));
        drop(asked);
        news::log(lines);
        page
    }

    /// Asks the server for the one statistic `timestamp`, which every version has, for `client`.
    ///
    /// # Errors
    ///
    /// Why the answer could not be read. That the server knows no such statistic is an answer.
    pub fn probe(&self, client: &str, limit: Duration) -> Result<(), Error> {
        let selection =
            Selection::parse([b"timestamp".to_vec()], &Arc::default()).unwrap_or_default();
        let deadline = Deadline::after(limit);
        let wants = Wants { selection: None, deadline };
        match self.turns.wait(client, wants, deadline) {
            Turn::Taken(mut asked) => self.read(&mut asked.client, &selection, deadline).result,
            _ => Err(Error::NoTurn { waited: limit }),
        }
        .map(drop)
    }

    /// How the last scrape went: `None` before the first one.
    pub fn last(&self) -> Option<Last> {
        lock(&self.last).clone()
    }

    /// Asks for everything that is on the page.
    fn ask(&self, client: &mut Client, selection: &Selection, deadline: Deadline) -> Scrape<'_> {
        let mut scrape = self.read(client, selection, deadline);
        if let Ok(reading) = &scrape.result {
            let is_busy = reading.is_busy;
            if mi::groups_of_processes().any(|group| selection.has_group(group)) {
                scrape.processes = client.processes(deadline, is_busy);
            }
            scrape.product = client.product().cloned();
            scrape.collected = self.modules.collect(client, selection, deadline, is_busy);
            for outcome in &scrape.collected.outcomes {
                note_group(&mut scrape.groups, outcome.module.as_bytes());
            }
        }
        scrape
    }

    /// Asks for the statistics, and waits at least as long as a healthy server needs, whatever the
    /// deadline: what nobody waits for piles up at the server.
    fn read(&self, client: &mut Client, selection: &Selection, deadline: Deadline) -> Scrape<'_> {
        let deadline = deadline.at_least(client.fair_time());
        let mut parsed = 0;
        let mut unparsed = 0;
        let mut groups: Vec<String> = Vec::new();
        let mut collection = Collection::new(&self.mapping);
        let mut sink = |statistic: Result<Statistic<'_>, Unparsed<'_>>| match statistic {
            Ok(statistic) => {
                parsed += 1;
                let Statistic { group, name, value } = statistic;
                if selection.contains(group, name) {
                    note_group(&mut groups, group);
                    if !collection.add(&statistic) {
                        unparsed += 1;
                        let (group, name) = (group.escape_ascii(), name.escape_ascii());
                        log::debug!("left out of the page, below zero: {group}:{name} {value}");
                    }
                }
            }
            Err(Unparsed(part)) => {
                unparsed += 1;
                log::debug!("left out of the page, not a statistic: {}", part.escape_ascii());
            }
        };
        let result = client.get_statistics(&selection.wanted(), deadline, &mut sink);
        let has_some = unparsed > 0 || selection.needs_statistics() && !client.lacks_statistics();
        let is_empty = parsed == 0 && has_some;
        Scrape {
            collection,
            groups,
            unparsed,
            ..self.nothing(match result {
                Ok(_) if is_empty => Err(Error::Empty),
                result => result,
            })
        }
    }

    /// A scrape that brought nothing yet.
    fn nothing(&self, result: Result<Reading, Error>) -> Scrape<'_> {
        Scrape {
            result,
            collection: Collection::new(&self.mapping),
            groups: Vec::new(),
            unparsed: 0,
            product: None,
            processes: Arc::default(),
            collected: Collected::default(),
        }
    }

    /// The page of a scrape that `began` then.
    fn page(&self, began: Instant, scrape: Scrape<'_>) -> Arc<[u8]> {
        let mut out = Vec::new();
        let mut page = Page::default();
        let mut add = |family, values: &[&[u8]], value| {
            self.families.add(&mut page, family, values, value);
        };
        let is_up = scrape.result.is_ok();
        add(Own::Up, &[], Value::Unsigned(u64::from(is_up)));
        let duration = began.elapsed().as_secs_f64();
        add(Own::Duration, &[], Value::Float(duration));
        add(Own::Unparsed, &[], Value::Unsigned(scrape.unparsed));
        if let Some(product) = scrape.product {
            let values = [product.name.as_bytes(), product.version.as_bytes()];
            add(Own::Info, &values, Value::Unsigned(1));
        }
        for process in scrape.processes.iter() {
            let (index, pid) = (process.index.to_string(), process.pid.to_string());
            let values = [index.as_bytes(), pid.as_bytes(), process.role.as_bytes()];
            add(Own::ProcessInfo, &values, Value::Unsigned(1));
        }
        page.write(self.families.headers(), &mut out);
        if is_up {
            scrape.collection.write(&mut out);
            self.modules.write(scrape.collected, &mut out);
        }
        self.telemetry.write(&mut out);
        out.into()
    }

    /// Notes how a scrape of the server that `client` asks ended, and what of that is news.
    fn note(&self, scrape: &Scrape<'_>, selection: &Selection, client: &Client, news: &mut News) {
        let endpoint = client.endpoint().to_string();
        let has_moved = self.endpoint() != endpoint;
        let outcome = match &scrape.result {
            Ok(reading) => {
                let down_for = news.works(SERVER);
                let is_first = self.last().is_none();
                match down_for {
                    Some(down_for) => news.tell(format!(
                        "opensips_up is 1 again after {}: {endpoint} answers",
                        humantime::format_duration(Duration::from_secs(down_for.as_secs()))
                    )),
                    None if is_first || has_moved => {
                        news.tell(format!("opensips_up is 1: {endpoint} answers"));
                    }
                    None => {}
                }
                self.note_groups(reading, selection, client, news);
                Ok(())
            }
            Err(error) => {
                let line = advice::on_error(error);
                news.fails(SERVER, error.kind(), || format!("opensips_up is 0: {line}"));
                Err(line)
            }
        };
        note_modules(&scrape.collected, client, news);
        *lock(&self.endpoint) = endpoint;
        let mut last = lock(&self.last);
        let before = last.take();
        let (product, groups) = match scrape.result {
            Ok(_) if selection.is_everything() => (scrape.product.clone(), scrape.groups.clone()),
            _ => before.map_or_else(Default::default, |last| (last.product, last.groups)),
        };
        *last = Some(Last { ended: Instant::now(), result: outcome, product, groups });
    }

    /// Notes which groups are missing on the page.
    fn note_groups(
        &self,
        reading: &Reading,
        selection: &Selection,
        client: &Client,
        news: &mut News,
    ) {
        if !reading.left_out.is_empty() && selection.is_everything() {
            let line = advice::on_left_out(&reading.left_out, client);
            news.fails(LEFT_OUT, line.clone(), || line);
        } else if selection.is_everything() && news.works(LEFT_OUT).is_some() {
            news.tell("no group is left out of the page any more".to_string());
        }
        if reading.may_lack_groups {
            let line = || advice::ON_UNKNOWN_GROUPS.to_string();
            news.fails(UNKNOWN_GROUPS, String::new(), line);
        } else if selection.is_everything() && news.works(UNKNOWN_GROUPS).is_some() {
            news.tell("all groups of the server are known".to_string());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that there is something of `group`. The statistics of a group mostly follow each other.
fn note_group(groups: &mut Vec<String>, group: &[u8]) {
    let is_known = |known: &String| known.as_bytes() == group;
    if !groups.last().is_some_and(is_known)
        && !groups.iter().any(is_known)
        && groups.len() < MAX_GROUPS
        && let Ok(group) = str::from_utf8(group)
    {
        groups.push(group.to_string());
    }
}

/// Notes which modules are not complete on the page.
fn note_modules(collected: &Collected, client: &Client, news: &mut News) {
    match &collected.list_error {
        Some(error) if error.says_something() => {
            news.fails(COMMANDS, String::new(), || advice::ON_NO_COMMANDS.to_string())
        }
        None if !collected.outcomes.is_empty() && news.works(COMMANDS).is_some() => {
            news.tell("the server lists its commands again".to_string());
        }
        _ => {}
    }
    for outcome in &collected.outcomes {
        let module = outcome.module;
        match &outcome.result {
            Ok(()) if news.works(module).is_some() => {
                news.tell(format!("{module} is complete on the page again"));
            }
            Err(failure) if failure.error.says_something() => {
                news.fails(module, String::new(), || {
                    let line = advice::on_command(&failure.error, client);
                    let command = &failure.command;
                    format!("{module} is not complete on the page, {command}: {line}")
                });
            }
            _ => {}
        }
    }
}
