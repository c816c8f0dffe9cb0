//! JSON-RPC 2.0 of OpenSIPS 3.0 and later and of Kamailio: requests to bytes, replies from text.
//! No I/O.
//!
//! OpenSIPS answers with one object of numbers, `{"core:rcv_requests":12}` (3.6, `statistics.c`),
//! Kamailio with an array of lines, `["core:rcv_requests = 12"]`, pretty-printed (5.6,
//! `kex/core_stats.c`).

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::tree::{Content, Tree};

/// What a reply says.
#[derive(Debug, Default)]
pub struct Reply<'t> {
    /// The id of the request that it answers, if it is a number.
    pub id: Option<u64>,
    /// The first result, if there is one.
    pub result: Option<Content<'t>>,
    /// The error, if there is one: its code, e.g. -32601 for an unknown method, and its text.
    pub error: Option<(i64, String)>,
}

/// The datagram that calls `method`. `parameters` is JSON, or empty if there are none.
///
/// A server of version 4.0 dies of JSON without a string `method` (seen on 4.0.1).
pub fn request(method: &str, parameters: &str, id: u32) -> Vec<u8> {
    let parameters = match parameters {
        "" => String::new(),
        some => format!("\"params\":{some},"),
    };
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",{parameters}\"id\":{id}}}").into_bytes()
}

/// A JSON array of strings.
pub fn array(strings: &[String]) -> String {
    serde_json::to_string(strings).unwrap_or_default()
}

/// A JSON string.
pub fn string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// Whether a reply means to be JSON.
pub fn is_json(reply: &[u8]) -> bool {
    matches!(reply.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Whether the last member of `text` is this id, as in all replies of known servers. If `text` is
/// JSON, there is no later one that could count instead.
pub fn ends_with_id(text: &str, id: u32) -> bool {
    let id = id.to_string();
    let mut rest = Some(text);
    for end in ["}", &id, ":", "\"id\""] {
        rest = rest.and_then(|rest| rest.trim_end().strip_suffix(end));
    }
    // Behind a backslash it would be the end of a longer name.
    rest.is_some_and(|rest| !rest.ends_with('\\'))
}

/// Reads `text`, and what is in the result by `reader`.
///
/// # Errors
///
/// When it is not JSON, not an object, or deeper than 128 levels (`serde_json`).
pub fn read<'t>(text: &'t str, reader: Reader<'_, 't>) -> serde_json::Result<Reply<'t>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let reply = deserializer.deserialize_map(ReplyReader(reader))?;
    deserializer.end()?;
    Ok(reply)
}

struct ReplyReader<'r, 't>(Reader<'r, 't>);

impl<'de> Visitor<'de> for ReplyReader<'_, 'de> {
    type Value = Reply<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC reply")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Reply<'de>, A::Error> {
        let mut reader = Some(self.0);
        let mut reply = Reply::default();
        while let Some(Content::Text(name)) = members.next_key_seed(Reader::Skip)? {
            match name.as_ref() {
                "result" => {
                    let reader = reader.take().unwrap_or(Reader::Skip);
                    let result = members.next_value_seed(reader)?;
                    reply.result.get_or_insert(result);
                }
                "error" => {
                    let error = &mut reply.error;
                    let mut take = |name: Option<&str>, value: Content<'_>| {
                        let (code, message) = error.get_or_insert_default();
                        match (name, value) {
                            (Some("code"), Content::Number(number)) => *code = number.cast_signed(),
                            (Some("message"), Content::Text(text)) => *message = text.into_owned(),
                            _ => {}
                        }
                    };
                    members.next_value_seed(Reader::Give(&mut take))?;
                }
                name => {
                    let value = members.next_value_seed(Reader::Skip)?;
                    if let ("id", Content::Number(id)) = (name, value) {
                        reply.id = Some(id);
                    }
                }
            }
        }
        Ok(reply)
    }
}

/// How the values are read that are in another one.
pub enum Reader<'r, 't> {
    /// They are skipped.
    Skip,
    /// They are given away one after the other, members with their names, without what is in them.
    Give(&'r mut dyn FnMut(Option<&str>, Content<'t>)),
    /// They are added to a tree.
    Add(&'r mut Tree<'t>),
}

impl<'t> Reader<'_, 't> {
    /// How many values are in the tree.
    fn len(&self) -> usize {
        match self {
            Reader::Add(tree) => tree.len(),
            _ => 0,
        }
    }

    /// Reads the next value by `read`, and returns whether there is one.
    fn next<E>(
        &mut self,
        name: Option<Cow<'t, str>>,
        read: impl FnOnce(Reader<'_, 't>) -> Result<Option<Content<'t>>, E>,
    ) -> Result<bool, E> {
        let is_there = match self {
            Reader::Skip => read(Reader::Skip)?.is_some(),
            Reader::Give(take) => {
                let content = read(Reader::Skip)?;
                content.map(|content| take(name.as_deref(), content)).is_some()
            }
            Reader::Add(tree) => {
                let at = tree.push(name.unwrap_or(Cow::Borrowed("")));
                let content = read(Reader::Add(tree))?;
                tree.set(at, content)
            }
        };
        Ok(is_there)
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_, 'de> {
    type Value = Content<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_, 'de> {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Content<'de>, E> {
        Ok(Content::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content<'de>, E> {
        Ok(Content::Number(number.cast_unsigned()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Content<'de>, E> {
        Ok(Content::Text(number.to_string().into()))
    }

    fn visit_bool<E>(self, word: bool) -> Result<Content<'de>, E> {
        Ok(Content::Text(if word { "true" } else { "false" }.into()))
    }

    fn visit_unit<E>(self) -> Result<Content<'de>, E> {
        Ok(Content::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Content<'de>, E> {
        Ok(Content::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content<'de>, E> {
        Ok(Content::Text(text.to_string().into()))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Content<'de>, A::Error> {
        let before = self.len();
        while let Some(Content::Text(name)) = members.next_key_seed(Reader::Skip)? {
            self.next(Some(name), |reader| members.next_value_seed(reader).map(Some))?;
        }
        Ok(Content::Members(self.len() - before))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Content<'de>, A::Error> {
        let before = self.len();
        while self.next(None, |reader| elements.next_element_seed(reader))? {}
        Ok(Content::Elements(self.len() - before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mi::wire::tree::text;

    /// The id and the error in a reply, and the values in its result in short.
    type Parsed = (Option<u64>, Option<(i64, String)>, String);

    fn parsed(json: &[u8]) -> Option<Parsed> {
        let text = text(json, r"\\x").ok()?;
        let mut shown = Vec::new();
        let mut take = |name: Option<&str>, value: Content<'_>| {
            let value = match value {
                Content::Number(number) => number.to_string(),
                Content::Text(text) => format!("{text:?}"),
                Content::Null => "null".to_string(),
                _ => "some".to_string(),
            };
            shown.push(format!("{}={value}", name.unwrap_or_default()));
        };
        let reply = read(&text, Reader::Give(&mut take)).ok()?;
        Some((reply.id, reply.error, shown.join(" ")))
    }

    #[test]
    fn members_may_come_in_any_order_and_unknown_ones_too() {
        for json in [
            r#"{"jsonrpc":"2.0","result":{"core:a":1},"id":7}"#,
            r#"{"id":7,"result":{"core:a":1},"jsonrpc":"2.0"}"#,
            r#" {"x":[1,{"y":null}],"id": 7 , "result" : { "core:a" : 1 } , "z":"" } "#,
            r#"{"result":{"core:a":1},"result":{"core:b":2},"id":7}"#,
            r#"{"result":{"core:a":1},"error":null,"id":7}"#,
        ] {
            let expected = (Some(7), None, "core:a=1".to_string());
            assert_eq!(parsed(json.as_bytes()), Some(expected), "{json}");
        }
    }

    #[test]
    fn numbers_are_whole_or_not_numbers() {
        for (value, expected) in [
            ("0", "0"),
            ("6442450944", "6442450944"),
            ("18446744073709551610", "18446744073709551610"),
            ("-6", "18446744073709551610"),
            ("1.844674e+19", "\"18446740000000000000\""),
            ("1.5", "\"1.5\""),
            ("null", "null"),
            ("true", "\"true\""),
            ("[1]", "some"),
            ("{\"a\":1}", "some"),
        ] {
            let json = format!("{{\"result\":{{\"a:b\":{value}}}}}");
            let expected = (None, None, format!("a:b={expected}"));
            assert_eq!(parsed(json.as_bytes()), Some(expected), "{value}");
        }
    }

    #[test]
    fn escapes_and_bytes_that_are_not_utf8_arrive() {
        let json = br#"{"result":{"a:\u00fc\"\\\/\n":1,"a:"#;
        let json = [json.as_slice(), b"\xff\xc3", b"\":\"\\t.\"}}"].concat();
        let expected = "a:\u{fc}\"\\/\n=1 a:\\xff\\xc3=\"\\t.\"".to_string();
        assert_eq!(parsed(&json), Some((None, None, expected)));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for json in ["", "{", "[]", "1", "{\"result\":{\"a\":}}", "{}x", "500 Internal error"] {
            assert!(parsed(json.as_bytes()).is_none(), "{json}");
        }
    }

    #[test]
    fn errors_are_read() {
        let json = br#"{"error":{"data":"x","message":"Method not found","code":-32601},"id":1}"#;
        let failure = (-32601, "Method not found".to_string());
        assert_eq!(parsed(json), Some((Some(1), Some(failure), String::new())));
        assert_eq!(parsed(b"{}"), Some((None, None, String::new())));
    }

    #[test]
    fn the_last_member_may_be_the_id() {
        for (end, expected) in [
            (r#","id":7}"#, true),
            ("\n,\t\"id\" :\t7\n }\r\n", true),
            (r#","id":17}"#, false),
            (r#","id":77}"#, false),
            (r#","id":"7"}"#, false),
            (r#","id":{"id":7}}"#, false),
            (r#","x\"id":7}"#, false),
            (r#","xid":7}"#, false),
            (r#""}"#, false),
            ("", false),
        ] {
            assert_eq!(ends_with_id(&format!("{{\"result\":{{}}{end}"), 7), expected, "{end}");
        }
    }

    #[test]
    fn arrays_are_json() {
        let strings = ["core:".to_string(), "a\"\\\n".to_string()];
        assert_eq!(array(&strings), r#"["core:","a\"\\\n"]"#);
        assert_eq!(array(&[]), "[]");
    }
}
