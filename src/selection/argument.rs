//! Which texts can reach the server as one argument.

use std::fmt;

/// Why a value cannot be selected. Its text is a sentence for whoever wrote the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unselectable(pub(super) String);

impl fmt::Display for Unselectable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `value` as text, if it can reach the server as one argument.
/// Why it cannot is the error.
///
/// # Errors
///
/// See [`Unselectable`].
pub(super) fn check(value: Vec<u8>) -> Result<String, Unselectable> {
    let refuse = |shown: &str, why: &str| {
        Err(Unselectable(format!(
            "collect[]={shown}: {why}; select a group (core:) or a statistic (rcv_requests)"
        )))
    };
    let shown = value.escape_ascii().to_string();
    let Ok(text) = String::from_utf8(value) else {
        return refuse(&shown, "the value is not UTF-8");
    };
    if text.chars().any(char::is_control) {
        return refuse(&shown, "control characters cannot be sent to the server");
    }
    if text.contains('"') {
        return refuse(&shown, "the server takes no name with a double quote, ask for its group");
    }
    if text.contains("::") {
        return refuse(&shown, "the server takes no name with two colons, ask for its group");
    }
    if text.starts_with(':') {
        return refuse(&shown, "the name of the group is missing");
    }
    Ok(text)
}
