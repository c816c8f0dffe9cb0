//! Names for what replies come to: abstract addresses of unix sockets, and files.

use std::hash::{BuildHasher, RandomState};

/// What all names start with.
pub const PREFIX: &str = "opensips_exporter-";

/// A name that nobody can foresee and take before us. std seeds [`RandomState`] with randomness of
/// the system, and its hashes do not show the seed. Local users can see the name while it is in
/// use, in `/proc/net/unix`.
pub fn unguessable() -> String {
    format!("{}{:016x}", short(), random())
}

/// A shorter one, with 16 digits instead of 32.
pub fn short() -> String {
    format!("{PREFIX}{:016x}", random())
}

fn random() -> u64 {
    RandomState::new().hash_one(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_differ() {
        for (make, digits) in [(unguessable as fn() -> String, 32), (short, 16)] {
            let names: BTreeSet<String> = (0..1000).map(|_| make()).collect();
            assert_eq!(names.len(), 1000);
            assert!(names.iter().all(|name| name.len() == PREFIX.len() + digits));
        }
    }
}
