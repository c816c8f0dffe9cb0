//! How often a server is asked for something that it does not tell.

/// Scrapes in which it is asked in vain, before it is taken not to tell.
const TRIES: u32 = 3;

/// Scrapes after which it is asked again. At one scrape every 15 s it is an hour.
const PAUSE: u32 = 240;

/// The patience with a server that is asked for one thing.
#[derive(Debug, Default)]
pub struct Patience {
    /// Scrapes in which it was asked in vain.
    silent: u32,
    /// Scrapes until it is asked again.
    pause: u32,
}

impl Patience {
    /// Whether the server may be asked in this scrape.
    pub fn may_ask(&mut self) -> bool {
        self.pause = self.pause.saturating_sub(1);
        self.pause == 0
    }

    /// Notes that it told.
    pub fn note_answer(&mut self) {
        self.silent = 0;
    }

    /// Notes that it did not, and returns whether it is not asked again for long.
    pub fn note_silence(&mut self) -> bool {
        self.silent += 1;
        let is_over = self.silent >= TRIES;
        if is_over {
            self.silent = 0;
            self.pause = PAUSE;
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_and_comes_back() {
        let mut patience = Patience::default();
        for _ in 1..TRIES {
            assert!(patience.may_ask() && !patience.note_silence());
        }
        patience.note_answer();
        for _ in 1..TRIES {
            assert!(patience.may_ask() && !patience.note_silence());
        }
        assert!(patience.may_ask() && patience.note_silence());
        let scrapes = (1..=PAUSE).find(|_| patience.may_ask());
        assert_eq!(scrapes, Some(PAUSE));
    }
}
