//! Texts copied in steps whose length is known when this is compiled. `memcpy` of musl
//! takes tens of nanoseconds for each short text, and short texts are most of a page.

use std::iter;

/// Adds `text` to `out`.
#[inline(always)]
pub fn append(text: &[u8], out: &mut Vec<u8>) {
    match *text {
        [] => {}
        [a] => out.push(a),
        [a, b] => out.extend_from_slice(&[a, b]),
        [a, b, c] => out.extend_from_slice(&[a, b, c]),
        [_, _, _, _, ..] if text.len() < 8 => append_by::<4>(text, out),
        [..] if text.len() < 16 => append_by::<8>(text, out),
        [..] if text.len() < 32 => append_by::<16>(text, out),
        [..] => append_by::<32>(text, out),
    }
}

/// Adds `text`, which is no shorter than that, to `out` by `STEP` bytes, of which the last ones
/// overlap those before.
#[inline(always)]
fn append_by<const STEP: usize>(text: &[u8], out: &mut Vec<u8>) {
    let (chunks, rest) = text.as_chunks::<STEP>();
    for chunk in chunks {
        out.extend_from_slice(chunk);
    }
    if let Some(last) = text.last_chunk::<STEP>()
        && !rest.is_empty()
    {
        out.truncate(out.len() + rest.len() - STEP);
        out.extend_from_slice(last);
    }
}

/// Whether both texts are the same. Most that are not differ in their length or first byte.
#[inline(always)]
pub fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one.first() == other.first()
        && if one.len() < 8 { is_equal_by::<4>(one, other) } else { is_equal_by::<8>(one, other) }
}

/// The same of texts of the same length, by `STEP` bytes, of which the last ones overlap those
/// before.
fn is_equal_by<const STEP: usize>(one: &[u8], other: &[u8]) -> bool {
    let last = one.last_chunk::<STEP>();
    let (one, rest) = one.as_chunks::<STEP>();
    let (others, _) = other.as_chunks::<STEP>();
    match last {
        Some(_) => {
            last == other.last_chunk() && iter::zip(one, others).all(|(one, other)| one == other)
        }
        None => iter::zip(rest, other).all(|(one, other)| one == other),
    }
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
