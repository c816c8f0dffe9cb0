//! Lists whose items are in order, none of them twice.

/// Adds `item` to `list` where it belongs, unless it is there.
pub fn add<T: Ord>(item: T, list: &mut Vec<T>) {
    if let Err(place) = list.binary_search(&item) {
        list.insert(place, item);
    }
}

/// Whether `text` is in `list`.
pub fn has(text: &str, list: &[String]) -> bool {
    list.binary_search_by(|known| known.as_str().cmp(text)).is_ok()
}
