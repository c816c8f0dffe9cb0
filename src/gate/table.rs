//! Who is connected, what is done for each connection, and which one gives way when slots or
//! backend streams are short. Values in, values out, no sockets.
//!
//! Among clients that want the same, that one goes first whose address has least of it, so that
//! nobody keeps others out by asking often.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How long a request may wait while no stream comes free and others need its slot.
pub const OVERDUE: Duration = Duration::from_millis(100);

/// What is done for a connection: first what is least lost when it is closed for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything was said, and its client has yet to close it.
    Closing,
    /// It is between two requests.
    Idle,
    /// Its request has not arrived.
    Reading,
    /// Its client does not read the answer.
    Sending,
    /// Its request waits for a backend stream.
    Waiting,
    /// A request is being read or answered. Such a connection is never closed for another one.
    Served,
}

/// A connection, with what belongs to it in `item`.
pub struct Row<T> {
    pub item: T,
    /// Nothing for those of unix sockets, who count as one.
    client: Option<IpAddr>,
    phase: Phase,
    /// Since when it is in this phase.
    since: Instant,
    /// Whether its request may take long.
    pub is_slow: bool,
    pub has_stream: bool,
    /// Bytes of the answer that its client has to read.
    pub unread: usize,
    is_evicted: bool,
}

/// What a connection was doing when it was evicted.
pub struct Evicted(pub Phase);

impl<T> Row<T> {
    /// A connection of `client`, see [`network`], which is served at first.
    pub fn new(client: Option<IpAddr>, item: T, now: Instant) -> Self {
        Row {
            item,
            client,
            phase: Phase::Served,
            since: now,
            is_slow: false,
            has_stream: false,
            unread: 0,
            is_evicted: false,
        }
    }

    /// Notes what is done for the connection from now on, unless it was evicted.
    pub fn mark(&mut self, phase: Phase, now: Instant) -> Result<(), Evicted> {
        if self.is_evicted {
            return Err(Evicted(self.phase));
        }
        self.phase = phase;
        self.since = now;
        Ok(())
    }

    /// Notes that it is to end, and returns what it was doing.
    pub fn evict(&mut self) -> Phase {
        self.is_evicted = true;
        self.phase
    }

    /// Whether its request waits for a backend stream.
    pub fn is_waiting(&self) -> bool {
        self.phase == Phase::Waiting && !self.is_evicted
    }

    /// Whether a request of its client is awaited.
    pub fn is_awaited(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Reading)
    }
}

/// What counts as one client: an address of IPv4, or a network of IPv6, in which a host may take
/// any address.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// All connections, each with a number that no other one has, in their order.
pub struct Table<T>(Vec<(u64, Row<T>)>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table(Vec::new())
    }
}

impl<T> Table<T> {
    /// Adds a connection, and returns its number.
    pub fn insert(&mut self, row: Row<T>) -> u64 {
        let number = self.0.last().map_or(0, |(last, _)| last + 1);
        self.0.push((number, row));
        number
    }

    /// The connection with that number.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut Row<T>> {
        self.0.iter_mut().find(|(known, _)| *known == number).map(|(_, row)| row)
    }

    /// Removes the connection with that number.
    pub fn remove(&mut self, number: u64) {
        self.0.retain(|(known, _)| *known != number);
    }

    /// The connection that is closed when a slot is needed: one that is at its end, then one of a
    /// crowd, which is a client with more than a quarter of all slots; among these the one with
    /// least to lose, then one of the client with most slots, then the one for which nothing
    /// changed for longest.
    ///
    /// One that waits for a stream is closed only if it is slow and of a crowd, or if none came
    /// free since `freed`, for [`OVERDUE`]; and the last one first, since the first one is the next
    /// to be answered.
    pub fn victim(&self, now: Instant, freed: Option<Instant>) -> Option<u64> {
        let is_there = |row: &Row<T>| !row.is_evicted;
        let all = self.count(is_there);
        let held = |of: &Row<T>| self.count(|row| is_there(row) && row.client == of.client);
        let rows = self.0.iter().filter(|(_, row)| is_there(row));
        let rows = rows.map(|(number, row)| (*number, row, held(row)));
        let is_of_crowd = |slots| slots > 1 && slots * 4 > all;
        let may_go = |row: &Row<T>, slots| match row.phase {
            Phase::Served => false,
            Phase::Waiting if row.is_slow && is_of_crowd(slots) => true,
            Phase::Waiting => now >= row.since.max(freed.unwrap_or(row.since)) + OVERDUE,
            _ => true,
        };
        let rank = |row: &Row<T>, slots| {
            let has_more_to_lose = row.phase != Phase::Closing;
            (has_more_to_lose, !is_of_crowd(slots), row.phase, Reverse(slots))
        };
        let rows = rows.filter(|(_, row, slots)| may_go(row, *slots));
        let first = rows.min_by(|(_, one, slots), (_, other, others)| {
            let order = one.since.cmp(&other.since);
            rank(one, *slots).cmp(&rank(other, *others)).then(match one.phase {
                Phase::Waiting => order.reverse(),
                _ => order,
            })
        });
        first.map(|(number, ..)| number)
    }

    /// The request that gets the next stream when `free` of `open` ones are: one of the client with
    /// fewest streams, then the one that waits for longest. A quarter of the streams is for
    /// requests that are not slow, and the last one of the others for a client who has none.
    pub fn next(&self, free: usize, open: usize) -> Option<u64> {
        let slow = self.count(|row| row.has_stream && row.is_slow);
        let waiting = self.0.iter().filter(|(_, row)| free > 0 && row.is_waiting());
        let waiting = waiting.map(|(number, row)| {
            let streams = self.count(|other| other.client == row.client && other.has_stream);
            (streams, row, *number)
        });
        let may_be_slow = |streams| slow + usize::from(streams > 0) < open - open / 4;
        let waiting = waiting.filter(|(streams, row, _)| !row.is_slow || may_be_slow(*streams));
        let next = waiting.min_by_key(|(streams, row, _)| (*streams, row.since));
        next.map(|(_, _, number)| number)
    }

    /// The connection that is closed when there are more than `most` bytes of answers that are not
    /// read: one whose client has read nothing for [`OVERDUE`], or any that is not done when there
    /// are twice as many. It is one of the client with most of these bytes, then the oldest.
    pub fn hoarder(&self, most: usize, now: Instant) -> Option<u64> {
        let rows = || self.0.iter().filter(|(_, row)| !row.is_evicted);
        let bytes = |of: Option<&Row<T>>| -> usize {
            let rows = rows().filter(|(_, row)| of.is_none_or(|of| of.client == row.client));
            rows.map(|(_, row)| row.unread).sum()
        };
        let all = bytes(None);
        if all <= most {
            return None;
        }
        let is_stalled = |row: &Row<T>| all > 2 * most || now >= row.since + OVERDUE;
        let stalled = rows().filter(|(_, row)| row.phase == Phase::Sending && is_stalled(row));
        let first = stalled.min_by_key(|(_, row)| (Reverse(bytes(Some(row))), row.since));
        first.map(|(number, _)| *number)
    }

    fn count(&self, condition: impl Fn(&Row<T>) -> bool) -> usize {
        self.0.iter().filter(|(_, row)| condition(row)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Phase::{Closing, Idle, Reading, Sending, Served, Waiting};
    use std::net::Ipv4Addr;

    const A: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    const B: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));

    /// A table of connections of which the first has not changed for longest, all for longer than
    /// is heeded.
    fn table(rows: &[(Option<IpAddr>, Phase)]) -> (Table<()>, Instant) {
        let began = Instant::now();
        let mut table = Table::default();
        for ((client, phase), second) in rows.iter().zip(0..) {
            let since = began + Duration::from_secs(second);
            let mut row = Row::new(*client, (), since);
            row.phase = *phase;
            assert_eq!(table.insert(row), second);
        }
        (table, began + Duration::from_secs(1000))
    }

    /// Changes the connection of this number.
    fn change(table: &mut Table<()>, number: u64, change: impl FnOnce(&mut Row<()>)) {
        assert!(table.get_mut(number).map(change).is_some());
    }

    #[test]
    fn the_one_with_least_to_lose_goes_first() {
        let all = [Served, Waiting, Sending, Reading, Idle, Closing];
        for count in 0..=all.len() {
            let rows: Vec<_> = all.iter().take(count).map(|phase| (A, *phase)).collect();
            let (table, now) = table(&rows);
            // The last one, but never one that is served.
            let expected = (count as u64).checked_sub(1).filter(|number| *number > 0);
            assert_eq!(table.victim(now, None), expected, "{rows:?}");
        }
    }

    #[test]
    fn then_one_of_the_client_with_most_slots_goes_first() {
        let (mut table, now) = table(&[(B, Reading), (A, Reading), (A, Served), (A, Reading)]);
        // Of as many it is the one that has waited for longest.
        for expected in [Some(1), Some(3), Some(0), None] {
            assert_eq!(table.victim(now, None), expected);
            if let Some(number) = expected {
                change(&mut table, number, |row| assert_eq!(row.evict(), Reading));
            }
        }
    }

    #[test]
    fn a_request_that_waits_has_a_while() {
        let (table, now) = table(&[(A, Waiting), (B, Waiting)]);
        let since = now - Duration::from_secs(1000);
        assert_eq!(table.victim(since, None), None);
        assert_eq!(table.victim(since + OVERDUE, None), Some(0));
        // The other one is the last.
        assert_eq!(table.victim(now, None), Some(1));
        assert_eq!(table.victim(now, Some(now)), None);
    }

    #[test]
    fn a_slow_request_of_a_client_with_many_slots_has_none() {
        for rows in [&[(A, Waiting), (A, Served)][..], &[(A, Waiting), (A, Served), (B, Waiting)]] {
            let (mut table, now) = table(rows);
            assert_eq!(table.victim(now, Some(now)), None);
            change(&mut table, 0, |row| row.is_slow = true);
            assert_eq!(table.victim(now, Some(now)), Some(0));
        }
        let others = [(A, Served); 6];
        let (mut table, now) = table(&[&[(B, Waiting), (B, Waiting)], &others[..]].concat());
        table.0.iter_mut().for_each(|(_, row)| row.is_slow = true);
        assert_eq!(table.victim(now, Some(now)), None);
    }

    #[test]
    fn a_client_with_many_slots_goes_before_others() {
        let many = [(A, Served); 4];
        for phase in [Idle, Reading, Sending] {
            let (mut table, now) = table(&[&[(B, phase), (A, Waiting)], &many[..]].concat());
            assert_eq!(table.victim(now, Some(now)), Some(0));
            change(&mut table, 1, |row| row.is_slow = true);
            assert_eq!(table.victim(now, Some(now)), Some(1));
            change(&mut table, 5, |row| row.phase = Sending);
            assert_eq!(table.victim(now, Some(now)), Some(5));
            change(&mut table, 0, |row| row.phase = Closing);
            assert_eq!(table.victim(now, Some(now)), Some(0));
        }
    }

    #[test]
    fn an_evicted_connection_says_what_it_was_doing() {
        let (mut table, now) = table(&[(A, Reading)]);
        change(&mut table, 0, |row| {
            assert_eq!(row.evict(), Reading);
            let evicted = row.mark(Served, now).err();
            assert_eq!(evicted.map(|Evicted(phase)| phase), Some(Reading));
        });
    }

    #[test]
    fn the_client_with_fewest_streams_is_next() {
        let (mut table, _) = table(&[(A, Served), (A, Waiting), (B, Waiting), (B, Waiting)]);
        change(&mut table, 0, |row| row.has_stream = true);
        assert_eq!(table.next(0, 4), None);
        for (free, expected) in [(3, 2), (2, 1), (1, 3)] {
            assert_eq!(table.next(free, 4), Some(expected));
            change(&mut table, expected, |row| {
                row.has_stream = true;
                row.phase = Served;
            });
        }
        assert_eq!(table.next(1, 4), None);
    }

    #[test]
    fn a_quarter_of_the_streams_is_not_for_slow_requests() {
        for (open, slow) in [(1, 1), (4, 2), (8, 5), (16, 11)] {
            let (mut table, _) = table(&[(A, Waiting); 17]);
            table.0.iter_mut().for_each(|(_, row)| row.is_slow = true);
            let mut taken = 0;
            while let Some(number) = table.next(open - taken, open) {
                change(&mut table, number, |row| {
                    row.has_stream = true;
                    row.phase = Served;
                });
                taken += 1;
            }
            assert_eq!(taken, slow, "{open}");
            // The last one is for another client.
            change(&mut table, 15, |row| row.client = B);
            let expected = Some(15).filter(|_| open > 1);
            assert_eq!(table.next(open - taken, open), expected, "{open}");
            change(&mut table, 15, |row| row.client = A);
            change(&mut table, 16, |row| row.is_slow = false);
            let expected = Some(16).filter(|_| taken < open);
            assert_eq!(table.next(open - taken, open), expected, "{open}");
        }
    }

    #[test]
    fn the_client_with_most_unread_bytes_goes_first() {
        let (mut table, now) = table(&[(A, Sending), (B, Sending), (B, Sending), (B, Served)]);
        for (number, unread) in [(0, 50), (1, 30), (2, 30), (3, 30)] {
            change(&mut table, number, |row| row.unread = unread);
        }
        assert_eq!(table.hoarder(140, now), None);
        assert_eq!(table.hoarder(139, now), Some(1));
        // All have read something just now.
        let began = now - Duration::from_secs(1000);
        assert_eq!(table.hoarder(70, began), None);
        assert_eq!(table.hoarder(69, began), Some(1));
        // One that is still being answered is none.
        for (expected, left) in [(1, 110), (2, 80), (0, 30)] {
            assert_eq!(table.hoarder(29, now), Some(expected));
            change(&mut table, expected, |row| assert_eq!(row.evict(), Sending));
            assert_eq!(table.hoarder(left, now), None);
        }
        assert_eq!(table.hoarder(29, now), None);
    }

    #[test]
    fn hosts_of_ipv6_have_many_addresses() {
        let is_one = |one: &str, other: &str| {
            let network = |text: &str| text.parse().map(network).ok();
            network(one) == network(other) && network(one).is_some()
        };
        assert!(is_one("2001:db8::1", "2001:db8::ffff:0:0:1"));
        assert!(!is_one("2001:db8::1", "2001:db8:0:1::1"));
        assert!(is_one("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!is_one("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
    }
}
