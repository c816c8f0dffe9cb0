//! Names for abstract addresses of unix sockets.

use std::hash::{BuildHasher, RandomState};

/// What all names start with.
pub const PREFIX: &str = "opensips_exporter-";

/// A name that nobody can foresee and take before us. std seeds [`RandomState`] with randomness of the
/// system, and its hashes do not show the seed. Local users can see the name while it is in use, in
/// `/proc/net/unix`.
pub fn unguessable() -> String {
    let random = || RandomState::new().hash_one(PREFIX);
    format!("{PREFIX}{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_differ() {
        let names: BTreeSet<String> = (0..1000).map(|_| unguessable()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == PREFIX.len() + 32));
    }
}
