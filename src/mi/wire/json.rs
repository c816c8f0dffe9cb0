//! JSON-RPC 2.0 of OpenSIPS 3.0 and later and of Kamailio: requests to bytes, replies from bytes, no I/O.
//!
//! OpenSIPS answers with one object of numbers, `{"core:rcv_requests":12}` (3.6, `statistics.c`), Kamailio
//! with an array of lines, `["core:rcv_requests = 12"]`, pretty-printed (5.6, `kex/core_stats.c`).

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What a reply says. Strings are borrowed from it where they hold no escapes.
#[derive(Debug, Default)]
pub struct Reply<'a> {
    /// The id of the request that it answers, if it is a number.
    pub id: Option<u64>,
    /// The result, if there is one.
    pub result: Option<Value<'a>>,
    /// The error, if there is one.
    pub error: Option<Failure>,
}

/// Any value.
#[derive(Debug, PartialEq)]
pub enum Value<'a> {
    /// A whole number. One below zero is its complement, as the line protocol prints it.
    Number(u64),
    /// A number with a fraction, or one whose digits are lost.
    Float(f64),
    /// A string, or one of the words `true` and `false`.
    Text(Cow<'a, str>),
    /// An object, its members in order.
    Members(Vec<(Cow<'a, str>, Value<'a>)>),
    /// An array, its elements in order.
    Elements(Vec<Value<'a>>),
    /// `null`.
    Null,
}

impl<'a> Value<'a> {
    /// The member of that name, the last one if there are several.
    pub fn member<'v>(&'v self, name: &'v str) -> Option<&'v Value<'a>> {
        self.named(name).last()
    }

    /// All members of that name.
    pub fn named<'v>(&'v self, name: &'v str) -> impl Iterator<Item = &'v Value<'a>> {
        let members = match self {
            Value::Members(members) => members.as_slice(),
            _ => &[],
        };
        let named = members.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value)
    }

    /// A number or a string as text, without the spaces around it.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Number(number) => Some(number.cast_signed().to_string().into()),
            Value::Float(number) => Some(number.to_string().into()),
            Value::Text(text) => Some(text.trim().into()),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn elements(&self) -> &[Value<'a>] {
        match self {
            Value::Elements(elements) => elements,
            _ => &[],
        }
    }
}

/// An error that the server answers with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Its code, e.g. -32601 for an unknown method.
    pub code: i64,
    /// Its text.
    pub message: String,
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
    let strings: Vec<String> = strings.iter().map(|text| string(text)).collect();
    format!("[{}]", strings.join(","))
}

/// A JSON string.
pub fn string(text: &str) -> String {
    let mut json = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            // A write to a String cannot fail. All control characters are below U+10000.
            _ if character.is_control() => {
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

/// Whether a reply means to be JSON.
pub fn is_json(reply: &[u8]) -> bool {
    matches!(reply.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// `reply` as text. Servers copy bytes into strings that are not UTF-8 (seen on 3.6 and 4.0); each becomes
/// `\xHH`.
pub fn text(reply: &[u8]) -> Cow<'_, str> {
    utf8(reply, "\\\\x")
}

/// `bytes` as text. Each that is not UTF-8 becomes two digits behind `mark`.
pub fn utf8<'b>(bytes: &'b [u8], mark: &str) -> Cow<'b, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // A write to a String cannot fail.
            let _ = write!(text, "{mark}{byte:02x}");
        }
    }
    Cow::Owned(text)
}

/// Reads a reply that [`text`] gave.
///
/// # Errors
///
/// When it is not JSON, or not an object.
pub fn parse(text: &str) -> serde_json::Result<Reply<'_>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let reply = deserializer.deserialize_map(ReplyVisitor)?;
    deserializer.end()?;
    Ok(reply)
}

struct ReplyVisitor;

impl<'de> Visitor<'de> for ReplyVisitor {
    type Value = Reply<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC reply")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut reply = Reply::default();
        while let Some(Text(name)) = members.next_key()? {
            match name.as_ref() {
                "id" => {
                    reply.id = match members.next_value()? {
                        Value::Number(id) => Some(id),
                        _ => None,
                    }
                }
                "result" => reply.result = Some(members.next_value()?),
                "error" => reply.error = failure(members.next_value()?),
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(reply)
    }
}

/// What the member `error` says, if it is not null.
fn failure(error: Value<'_>) -> Option<Failure> {
    let mut failure = Failure::default();
    let members = match error {
        Value::Members(members) => members,
        Value::Null => return None,
        _ => Vec::new(),
    };
    for (name, value) in members {
        match (name.as_ref(), value) {
            ("code", Value::Number(code)) => failure.code = code.cast_signed(),
            ("message", Value::Text(message)) => failure.message = message.into_owned(),
            _ => {}
        }
    }
    Some(failure)
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(number.cast_unsigned()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_bool<E>(self, word: bool) -> Result<Self::Value, E> {
        let word = if word { "true" } else { "false" };
        Ok(Value::Text(Cow::Borrowed(word)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_string())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut result = Vec::new();
        while let Some((Text(name), value)) = members.next_entry()? {
            result.push((name, value));
        }
        Ok(Value::Members(result))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut result = Vec::new();
        while let Some(element) = elements.next_element()? {
            result.push(element);
        }
        Ok(Value::Elements(result))
    }
}

/// A string, borrowed if it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Text(text) => Ok(Text(text)),
            _ => Err(D::Error::custom("not a string")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(json: &str) -> Option<Vec<(String, Option<u64>)>> {
        let reply = parse(json).ok()?;
        let Some(Value::Members(members)) = reply.result else {
            return None;
        };
        let number = |value| match value {
            Value::Number(number) => Some(number),
            _ => None,
        };
        let members = members.into_iter();
        Some(
            members
                .map(|(name, value)| (name.into_owned(), number(value)))
                .collect(),
        )
    }

    #[test]
    fn members_may_come_in_any_order_and_unknown_ones_too() {
        for json in [
            r#"{"jsonrpc":"2.0","result":{"core:a":1},"id":7}"#,
            r#"{"id":7,"result":{"core:a":1},"jsonrpc":"2.0"}"#,
            r#" {"x":[1,{"y":null}],"id": 7 , "result" : { "core:a" : 1 } , "z":"" } "#,
            r#"{"result":{"core:b":2},"result":{"core:a":1},"id":7}"#,
            r#"{"result":{"core:a":1},"error":null,"id":7}"#,
        ] {
            assert_eq!(
                members(json),
                Some(vec![("core:a".to_string(), Some(1))]),
                "{json}"
            );
            let reply = parse(json).unwrap_or_default();
            assert_eq!((reply.id, reply.error), (Some(7), None), "{json}");
        }
    }

    #[test]
    fn numbers_are_whole_or_not_numbers() {
        for (value, expected) in [
            ("0", Some(0)),
            ("6442450944", Some(6_442_450_944)),
            ("18446744073709551610", Some(18_446_744_073_709_551_610)),
            ("-6", Some(18_446_744_073_709_551_610)),
            ("1.844674e+19", None),
            ("1.5", None),
            ("null", None),
            ("true", None),
            ("[1]", None),
            ("{\"a\":1}", None),
        ] {
            let json = format!("{{\"result\":{{\"a:b\":{value}}}}}");
            assert_eq!(
                members(&json),
                Some(vec![("a:b".to_string(), expected)]),
                "{value}"
            );
        }
    }

    #[test]
    fn escapes_and_bytes_that_are_not_utf8_arrive() {
        let json = br#"{"result":{"a:\u00fc\"\\\/\n":1,"a:"#;
        let json = [json.as_slice(), b"\xff\xc3", b"\":2}}"].concat();
        let text = text(&json);
        let expected = vec![
            ("a:\u{fc}\"\\/\n".to_string(), Some(1)),
            ("a:\\xff\\xc3".to_string(), Some(2)),
        ];
        assert_eq!(members(&text), Some(expected));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for json in [
            "",
            "{",
            "[]",
            "1",
            "{\"result\":{\"a\":}}",
            "{}x",
            "500 Internal error",
        ] {
            assert!(parse(json).is_err(), "{json}");
        }
    }

    #[test]
    fn errors_are_read() {
        let json = r#"{"error":{"data":"x","message":"Method not found","code":-32601},"id":1}"#;
        let failure = parse(json).unwrap_or_default().error.unwrap_or_default();
        assert_eq!(
            (failure.code, failure.message.as_str()),
            (-32601, "Method not found")
        );
        assert!(parse("{}").is_ok_and(|reply| reply.error.is_none() && reply.result.is_none()));
    }

    #[test]
    fn arrays_are_json() {
        let strings = ["core:".to_string(), "a\"\\\n".to_string()];
        assert_eq!(array(&strings), r#"["core:","a\"\\\u000a"]"#);
        assert_eq!(array(&[]), "[]");
    }
}
