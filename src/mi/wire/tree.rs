//! A reply as a tree: the values that JSON has, or the nodes of the line protocol. No I/O.
//!
//! All values stand in one list, each in front of those in it. So no tree is too deep, and one
//! bound is enough for all that it takes.

use std::borrow::Cow;
use std::fmt::Write;
use std::iter;

use crate::mi::error::Error;

/// How many times its size a reply may take in memory, with its text and its tree.
const TIMES: usize = 4;

/// Bytes that it may take beyond that. A value takes 48 bytes in a tree and at least 10 in what
/// OpenSIPS answers, 8 in what Kamailio does, so that replies of 4 and 3 MB find room, and small
/// ones whatever they hold.
const MORE: usize = 8 << 20;

/// Values that there is room for at first.
const FEW: usize = 256;

/// The values of a reply, as they are read.
pub struct Tree<'t> {
    nodes: Vec<Node<'t>>,
    /// How many there may be.
    room: usize,
    /// Whether one found no room.
    is_full: bool,
}

struct Node<'t> {
    /// The name of a member.
    name: Cow<'t, str>,
    content: Content<'t>,
}

/// What a value is.
#[derive(Debug)]
pub enum Content<'t> {
    /// A whole number. One below zero is its complement, as the line protocol prints it.
    Number(u64),
    /// A string, a number with a fraction, or one of the words `true` and `false`.
    Text(Cow<'t, str>),
    /// `null`.
    Null,
    /// An object with so many values in it and in those.
    Members(usize),
    /// An array with so many values in it and in those.
    Elements(usize),
}

/// `reply` as text. Each byte that is not UTF-8 becomes two digits behind `mark`.
///
/// # Errors
///
/// [`Error::ReplyTooLarge`] when the copy would be more than twice as large.
pub fn text<'r>(reply: &'r [u8], mark: &str) -> Result<Cow<'r, str>, Error> {
    if let Ok(text) = str::from_utf8(reply) {
        return Ok(Cow::Borrowed(text));
    }
    let invalid = reply.utf8_chunks().map(|chunk| chunk.invalid().len());
    let length = reply.len() + invalid.sum::<usize>() * (mark.len() + 1);
    if length > TIMES / 2 * reply.len() + MORE {
        return Err(Error::ReplyTooLarge("too many bytes that are not UTF-8"));
    }
    let mut text = String::with_capacity(length);
    for chunk in reply.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // A write to a String cannot fail.
            let _ = write!(text, "{mark}{byte:02x}");
        }
    }
    Ok(Cow::Owned(text))
}

impl<'t> Tree<'t> {
    /// An empty tree for `reply`, of which `text` may be a copy.
    pub fn new(reply: &[u8], text: &str) -> Self {
        let is_copy = text.as_ptr() != reply.as_ptr();
        let taken = reply.len() + if is_copy { text.len() } else { 0 };
        let bytes = (TIMES * reply.len() + MORE).saturating_sub(taken);
        Tree { nodes: Vec::with_capacity(FEW), room: bytes / size_of::<Node>(), is_full: false }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a value that is [`set`](Tree::set) later, and returns where it stands.
    pub fn push(&mut self, name: Cow<'t, str>) -> usize {
        let at = self.nodes.len();
        if let Cow::Owned(copy) = &name {
            self.charge(copy.capacity());
        }
        self.is_full |= at >= self.room;
        if !self.is_full {
            if at == self.nodes.capacity() {
                // A list that grows by steps is there twice. What of this is not used takes
                // nothing.
                self.nodes.reserve_exact(self.room - at);
            }
            let content = Content::Null;
            self.nodes.push(Node { name, content });
        }
        at
    }

    /// Sets what the value at `at` is, or takes it away if it is nothing. Returns whether it stays.
    pub fn set(&mut self, at: usize, content: Option<Content<'t>>) -> bool {
        if let Some(Content::Text(Cow::Owned(copy))) = &content {
            self.charge(copy.capacity());
        }
        let is_there = content.is_some();
        match (self.nodes.get_mut(at), content) {
            (Some(node), Some(content)) => node.content = content,
            _ => self.nodes.truncate(at),
        }
        is_there
    }

    /// Leaves less room for values, as a copy takes so many bytes and what goes with them.
    fn charge(&mut self, copy: usize) {
        self.room = self.room.saturating_sub(2 + copy / size_of::<Node>());
    }

    /// The first value, with all others in it.
    ///
    /// # Errors
    ///
    /// [`Error::ReplyTooLarge`] when not all found room.
    pub fn root(&self) -> Result<Value<'_>, Error> {
        match self.is_full {
            true => Err(Error::ReplyTooLarge("too many values for its size")),
            false => Ok(Value(&self.nodes)),
        }
    }
}

/// A value of a reply, with those in it.
#[derive(Clone, Copy)]
pub struct Value<'v>(&'v [Node<'v>]);

impl<'v> Value<'v> {
    /// What it is.
    pub fn content(&self) -> &'v Content<'v> {
        self.0.first().map_or(&Content::Null, |node| &node.content)
    }

    /// Its name, if it is a member.
    pub fn name(&self) -> &'v str {
        self.0.first().map_or("", |node| &node.name)
    }

    /// Its members or elements, in order.
    pub fn values(&self) -> impl Iterator<Item = Value<'v>> + use<'v> {
        let mut rest = self.0.get(1..).unwrap_or_default();
        iter::from_fn(move || {
            let below = match Value(rest).content() {
                Content::Members(below) | Content::Elements(below) => *below,
                _ => 0,
            };
            let (nodes, behind) = rest.split_at_checked(1 + below)?;
            rest = behind;
            Some(Value(nodes))
        })
    }

    /// Its elements, if it is an array.
    pub fn elements(&self) -> impl Iterator<Item = Value<'v>> + use<'v> {
        let is_array = matches!(self.content(), Content::Elements(_));
        is_array.then(|| self.values()).into_iter().flatten()
    }

    /// Its member of that name, the last one if there are several.
    pub fn member(&self, name: &str) -> Option<Value<'v>> {
        self.values().filter(|value| value.name() == name).last()
    }

    /// A number, a string or a word as text, without the spaces around it.
    pub fn text(&self) -> Option<Cow<'v, str>> {
        match self.content() {
            Content::Number(number) => Some(number.cast_signed().to_string().into()),
            Content::Text(text) => Some(text.trim().into()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_not_much_larger_than_the_reply() {
        assert_eq!(text(b"a\xffb\xc3", r"\x").ok().as_deref(), Some(r"a\xffb\xc3"));
        let room = text(&[b'x'; 2 * MORE], r"\x").map(|text| text.len());
        assert_eq!(room.ok(), Some(2 * MORE));
        assert!(matches!(text(&[0xff; 2 * MORE], r"\x"), Err(Error::ReplyTooLarge(_))));
    }
}
