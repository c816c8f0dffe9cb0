//! What scrapes come upon, kept for the next ones of the same selection: their pages then need nothing but new
//! values.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::processors::Remembered;
use crate::selection::Selection;

/// For how many selections it is kept. Prometheus servers ask for one or two, strangers for any.
const SELECTIONS: usize = 4;

/// What the last scrapes came upon, by selection, the last one at the end.
#[derive(Default)]
pub struct Memory(Mutex<Vec<(Selection, Remembered)>>);

impl Memory {
    /// Takes what a scrape of this selection came upon: nothing if there was none, or another scrape of it is under
    /// way.
    pub fn take(&self, selection: &Selection) -> Remembered {
        let mut kept = self.lock();
        let found = kept.iter().position(|(of, _)| of == selection);
        let found = found.map(|index| kept.remove(index).1);
        found.unwrap_or_default()
    }

    /// Keeps what a scrape of this selection came upon.
    pub fn keep(&self, selection: &Selection, remembered: Remembered) {
        let mut kept = self.lock();
        kept.retain(|(of, _)| of != selection);
        kept.push((selection.clone(), remembered));
        if kept.len() > SELECTIONS {
            kept.remove(0);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Selection, Remembered)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mi::Statistic;
    use crate::processors::{Collection, Mapping, PROCESSORS};

    #[test]
    fn each_selection_finds_its_own() {
        let selection = |text: &str| {
            Selection::parse([text.as_bytes().to_vec()], &Arc::default()).unwrap_or_default()
        };
        let mapping = Mapping::new(PROCESSORS);
        let remembered = |count: usize| {
            let mut collection = Collection::new(&mapping, Remembered::default());
            for _ in 0..count {
                collection.add(&Statistic {
                    group: b"core",
                    name: b"rcv_requests",
                    value: 1,
                });
            }
            collection.write(&[], &mut Vec::new())
        };
        let memory = Memory::default();
        let length = |text: &str| memory.take(&selection(text)).len();
        memory.keep(&selection("all"), remembered(3));
        memory.keep(&selection("core:"), remembered(2));
        assert_eq!((length("tm:"), length("core:"), length("core:")), (0, 2, 0));
        assert_eq!(length("all"), 3);

        memory.keep(&selection("all"), remembered(1));
        memory.keep(&selection("all"), remembered(5));
        for number in 0..SELECTIONS - 1 {
            memory.keep(&selection(&format!("group{number}:")), remembered(1));
        }
        assert_eq!(length("all"), 5);
        memory.keep(&selection("all"), remembered(5));
        for number in 0..SELECTIONS {
            memory.keep(&selection(&format!("other{number}:")), remembered(1));
        }
        assert_eq!(length("all"), 0);
    }
}
