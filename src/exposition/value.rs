//! The numbers of samples and the values of labels, as the text format has them.

use std::io::Write;

use crate::bytes::append;

/// The number of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A count.
    Unsigned(u64),
    /// A level, which may lie below zero.
    Signed(i64),
    /// A measurement, in the unit that the metric's name says.
    Float(f64),
}

/// What the values of samples with the same labels become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// The one that was added last.
    Last,
    /// The largest.
    Largest,
    /// Their sum.
    Sum,
}

impl Merge {
    /// What `one` and the `next` become.
    pub fn of(self, one: Value, next: Value) -> Value {
        match (self, one, next) {
            (Merge::Sum, Value::Unsigned(one), Value::Unsigned(next)) => {
                Value::Unsigned(one.saturating_add(next))
            }
            (Merge::Sum, ..) => Value::Float(one.float() + next.float()),
            (Merge::Largest, ..) if one.float() > next.float() => one,
            _ => next,
        }
    }
}

impl Value {
    /// Writes it.
    pub fn write(self, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        let digits = match self {
            Value::Unsigned(number) => digits.format(number),
            Value::Signed(number) => digits.format(number),
            Value::Float(number) => return print(out, format_args!("{number}")),
        };
        append(digits.as_bytes(), out);
    }

    fn float(self) -> f64 {
        match self {
            Value::Unsigned(number) => number as f64,
            Value::Signed(number) => number as f64,
            Value::Float(number) => number,
        }
    }
}

/// Whether a byte stands in a label value as it is.
#[allow(clippy::indexing_slicing)] // It is evaluated when this is compiled.
const IS_PLAIN: [bool; 256] = {
    let mut is_plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        is_plain[byte as usize] = !matches!(byte, b'"' | b'\\');
        byte += 1;
    }
    is_plain
};

/// Writes a label value, of which nearly none needs to be escaped.
#[inline(always)]
pub fn write_label_value(value: &[u8], out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| IS_PLAIN.get(usize::from(*byte)) == Some(&true);
    if value.iter().all(is_plain) {
        append(value, out);
    } else {
        write_escaped(value, out);
    }
}

/// Writes `value` with a backslash before each backslash and quote, and `\n` for each newline. The
/// format is UTF-8 throughout. A byte that is not becomes the four characters `\xHH`, so that two
/// names that differ only in such bytes stay two series.
fn write_escaped(value: &[u8], out: &mut Vec<u8>) {
    for chunk in value.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
                _ => out.push(byte),
            }
        }
        for byte in chunk.invalid() {
            print(out, format_args!("\\\\x{byte:02x}"));
        }
    }
}

fn print(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A write to a Vec cannot fail.
    let _ = out.write_fmt(text);
}
