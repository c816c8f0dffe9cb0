//! Texts copied in steps whose length is known when this is compiled. `memcpy` of musl
//! takes tens of nanoseconds for each short text, and short texts are most of a page.

/// Adds `text` to `out`.
pub fn append(text: &[u8], out: &mut Vec<u8>) {
    if append_by::<16>(text, out) || append_by::<8>(text, out) || append_by::<4>(text, out) {
        return;
    }
    for byte in text {
        out.push(*byte);
    }
}

/// Adds `text` to `out` by `STEP` bytes, of which the last ones overlap those before. Nothing if there are less.
fn append_by<const STEP: usize>(text: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(last) = text.last_chunk::<STEP>() else {
        return false;
    };
    let (chunks, rest) = text.as_chunks::<STEP>();
    for chunk in chunks {
        out.extend_from_slice(chunk);
    }
    if !rest.is_empty() {
        out.truncate(out.len() + rest.len() - STEP);
        out.extend_from_slice(last);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_are_appended() {
        for length in 0..100 {
            let text: Vec<u8> = (0..length).collect();
            let mut out = b"before".to_vec();
            append(&text, &mut out);
            assert_eq!(out, [b"before", text.as_slice()].concat());
        }
    }
}
