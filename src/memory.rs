//! What scrapes come upon, kept for the next ones of the same selection: their pages then need nothing but new
//! values.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::processors::Remembered;
use crate::selection::Selection;

/// For how many scrapes it is kept, of one selection or of several. Prometheus servers ask for one or two, at the same
/// moment now and then, strangers for any.
const SCRAPES: usize = 4;

/// Statistics from which on it is kept for one scrape of a selection only: they are megabytes.
const LARGE: usize = 2_000;

/// What the last scrapes came upon, by selection, the last one at the end.
#[derive(Default)]
pub struct Memory(Mutex<Vec<(Selection, Remembered)>>);

impl Memory {
    /// Takes what a scrape of this selection came upon: nothing if there was none, or another scrape of it is under
    /// way.
    pub fn take(&self, selection: &Selection) -> Remembered {
        let mut kept = self.lock();
        let found = kept.iter().rposition(|(of, _)| of == selection);
        let found = found.map(|index| kept.remove(index).1);
        found.unwrap_or_default()
    }

    /// Keeps what a scrape of this selection came upon.
    pub fn keep(&self, selection: &Selection, remembered: Remembered) {
        let mut kept = self.lock();
        if remembered.len() > LARGE {
            kept.retain(|(of, _)| of != selection);
        }
        kept.push((selection.clone(), remembered));
        if kept.len() > SCRAPES {
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

        // Scrapes at the same moment.
        memory.keep(&selection("all"), remembered(1));
        memory.keep(&selection("all"), remembered(5));
        assert_eq!((length("all"), length("all"), length("all")), (5, 1, 0));
        for count in [1, LARGE + 1, LARGE + 2] {
            memory.keep(&selection("all"), remembered(count));
        }
        assert_eq!((length("all"), length("all")), (LARGE + 2, 0));

        memory.keep(&selection("all"), remembered(5));
        for number in 0..SCRAPES {
            memory.keep(&selection(&format!("other{number}:")), remembered(1));
        }
        assert_eq!(length("all"), 0);
    }
}
