//! Turns: one at a time has a thing, the others wait within their deadlines, and whoever waits for
//! what somebody else has just got shares it. Clients take turns, so that nobody keeps others
//! waiting by asking often.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::mi::Deadline;

/// A thing that one at a time has. `W` is what somebody wants of it, `R` what comes of that.
pub struct Turns<T, W, R> {
    thing: Mutex<T>,
    queue: Mutex<Queue<W, R>>,
    changed: Condvar,
}

struct Queue<W, R> {
    /// Whether somebody has the thing.
    is_taken: bool,
    /// Who waits, in the order in which they came.
    waiting: VecDeque<Waiting<W, R>>,
    next_ticket: u64,
    /// The client who had it last, and in which round.
    last: (String, u64),
}

struct Waiting<W, R> {
    ticket: u64,
    client: String,
    /// Each client gets one turn in a round.
    round: u64,
    wants: W,
    /// What somebody else has got.
    shared: Option<R>,
}

/// What comes of waiting.
pub enum Turn<'t, T, W, R> {
    /// The thing is free now.
    Taken(Taken<'t, T, W, R>),
    /// Somebody else got the same.
    Shared(R),
    /// The deadline is over.
    TooLate,
}

/// The thing, until this is dropped.
pub struct Taken<'t, T, W, R> {
    turns: &'t Turns<T, W, R>,
    thing: MutexGuard<'t, T>,
}

impl<T, W, R: Clone> Turns<T, W, R> {
    /// Turns for `thing`.
    pub fn new(thing: T) -> Self {
        Turns {
            thing: Mutex::new(thing),
            queue: Mutex::new(Queue {
                is_taken: false,
                waiting: VecDeque::new(),
                next_ticket: 0,
                last: (String::new(), 0),
            }),
            changed: Condvar::new(),
        }
    }

    /// Waits until it is free: in each round first come, first served.
    pub fn wait(&self, client: &str, wants: W, deadline: Deadline) -> Turn<'_, T, W, R> {
        let mut queue = lock(&self.queue);
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        let round = queue.next_round(client);
        let client = client.to_string();
        queue.waiting.push_back(Waiting { ticket, client, round, wants, shared: None });
        loop {
            // Those who got something are only not awake yet.
            let unserved = queue.waiting.iter().filter(|one| one.shared.is_none());
            let next = unserved.min_by_key(|one| (one.round, one.ticket));
            let is_next = next.is_some_and(|next| next.ticket == ticket);
            let place = queue.waiting.iter().position(|one| one.ticket == ticket);
            let own = place.and_then(|place| queue.waiting.get(place));
            let is_served = own.is_some_and(|own| own.shared.is_some());
            let left = deadline.remaining();
            if is_served || left.is_none() || (is_next && !queue.is_taken) {
                let own = place.and_then(|place| queue.waiting.remove(place));
                let Some(own) = own else { return Turn::TooLate };
                if let Some(result) = own.shared {
                    return Turn::Shared(result);
                }
                if left.is_none() {
                    self.changed.notify_all();
                    return Turn::TooLate;
                }
                queue.is_taken = true;
                queue.last = (own.client, own.round);
                drop(queue);
                return Turn::Taken(Taken { turns: self, thing: lock(&self.thing) });
            }
            let waited = self.changed.wait_timeout(queue, left.unwrap_or_default());
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<W, R> Queue<W, R> {
    /// The first round in which `client` does not have or wait for it already.
    fn next_round(&self, client: &str) -> u64 {
        let waiting = self.waiting.iter().map(|one| (&one.client, one.round));
        let had = waiting.chain([(&self.last.0, self.last.1)]);
        let rounds = had.filter(|(other, _)| *other == client).map(|(_, round)| round + 1);
        rounds.max().unwrap_or_default().max(self.last.1)
    }
}

impl<T, W, R: Clone> Taken<'_, T, W, R> {
    /// Gives `result` to all who wait for it now, which `is_wanted` tells.
    pub fn share(&self, result: &R, is_wanted: impl Fn(&W) -> bool) {
        let mut queue = lock(&self.turns.queue);
        for one in &mut queue.waiting {
            if is_wanted(&one.wants) {
                one.shared = Some(result.clone());
            }
        }
    }
}

impl<T, W, R> Deref for Taken<'_, T, W, R> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.thing
    }
}

impl<T, W, R> DerefMut for Taken<'_, T, W, R> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.thing
    }
}

impl<T, W, R> Drop for Taken<'_, T, W, R> {
    fn drop(&mut self) {
        lock(&self.turns.queue).is_taken = false;
        self.turns.changed.notify_all();
    }
}

/// What a panic left behind is as good as new: nothing is half changed that a scrape does not find
/// out.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(60);

    type Pages = Turns<Vec<u32>, u32, &'static str>;

    /// The thing, if it is free.
    fn taken(turns: &Pages) -> Option<Taken<'_, Vec<u32>, u32, &'static str>> {
        match turns.wait("", 0, Deadline::after(LONG)) {
            Turn::Taken(taken) => Some(taken),
            _ => None,
        }
    }

    /// Waits until so many wait for their turn.
    fn until_waiting(turns: &Pages, count: usize) {
        while lock(&turns.queue).waiting.len() < count {
            thread::yield_now();
        }
    }

    #[test]
    fn those_who_wait_come_one_after_the_other() {
        let turns: Pages = Turns::new(Vec::new());
        let first = taken(&turns);
        thread::scope(|scope| {
            for number in 1..=5 {
                let turns = &turns;
                scope.spawn(move || {
                    if let Turn::Taken(mut taken) = turns.wait("", number, Deadline::after(LONG)) {
                        taken.push(number);
                    }
                });
                until_waiting(turns, number as usize);
            }
            drop(first);
        });
        assert_eq!(*lock(&turns.thing), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn clients_take_turns() {
        let turns: Pages = Turns::new(Vec::new());
        let first = turns.wait("a", 0, Deadline::after(LONG));
        thread::scope(|scope| {
            let clients = ["a", "a", "b", "a", "c", "b"];
            for (client, number) in clients.into_iter().zip(1..) {
                let turns = &turns;
                scope.spawn(move || {
                    let turn = turns.wait(client, number, Deadline::after(LONG));
                    if let Turn::Taken(mut taken) = turn {
                        taken.push(number);
                    }
                });
                until_waiting(turns, number as usize);
            }
            drop(first);
        });
        assert_eq!(*lock(&turns.thing), [3, 5, 1, 6, 2, 4]);
    }

    #[test]
    fn whoever_wants_the_same_shares_it_and_others_do_not() {
        let turns: Pages = Turns::new(Vec::new());
        let first = taken(&turns);
        thread::scope(|scope| {
            let same = scope
                .spawn(|| matches!(turns.wait("", 7, Deadline::after(LONG)), Turn::Shared("page")));
            let other =
                scope.spawn(|| matches!(turns.wait("", 8, Deadline::after(LONG)), Turn::Taken(_)));
            until_waiting(&turns, 2);
            if let Some(first) = first {
                first.share(&"page", |wants| *wants == 7);
            }
            assert!(same.join().is_ok_and(|is_shared| is_shared));
            assert!(other.join().is_ok_and(|is_taken| is_taken));
        });
    }

    #[test]
    fn nobody_waits_longer_than_the_deadline() {
        let turns: Pages = Turns::new(Vec::new());
        let first = turns.wait("", 0, Deadline::after(LONG));
        let late = turns.wait("", 0, Deadline::after(Duration::from_millis(1)));
        assert!(matches!(late, Turn::TooLate));
        drop(first);
        let next = turns.wait("", 0, Deadline::after(LONG));
        assert!(matches!(next, Turn::Taken(_)));
    }
}
