//! The lines of the log on standard error, as logfmt or as JSON objects.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::{LevelFilter, Log, Metadata, Record};

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `ts=... level=info msg="..."`
    Logfmt,
    /// `{"ts":"...","level":"info","msg":"..."}`
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "logfmt" => Ok(Format::Logfmt),
            "json" => Ok(Format::Json),
            _ => Err("use logfmt or json".to_string()),
        }
    }
}

/// Starts logging to standard error what has at least this `level`.
pub fn start(level: LevelFilter, format: Format) {
    log::set_max_level(level);
    // It fails where something logs already.
    let _ = log::set_boxed_logger(Box::new(Logger { format }));
}

struct Logger {
    format: Format,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // tiny_http calls it an error that it is to take no other connections than ours.
        !metadata.target().starts_with("tiny_http")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let message = record.args().to_string();
            let line = line(self.format, SystemTime::now(), record.level(), &message);
            // There is nobody to tell that nobody reads the log.
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

fn line(format: Format, now: SystemTime, level: log::Level, message: &str) -> String {
    let ts = humantime::format_rfc3339_millis(printable(now));
    let level = level.as_str().to_ascii_lowercase();
    let message = quoted(message);
    match format {
        Format::Logfmt => format!("ts={ts} level={level} msg={message}\n"),
        Format::Json => format!("{{\"ts\":\"{ts}\",\"level\":\"{level}\",\"msg\":{message}}}\n"),
    }
}

/// `time`, or the nearest one that has a date of four digits after 1970: a host without a clock may
/// have any time.
fn printable(time: SystemTime) -> SystemTime {
    const END_OF_9999: Duration = Duration::from_secs(253_402_300_799);
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + since_1970.min(END_OF_9999)
}

/// `text` as a JSON string, which logfmt reads as well. It holds no line break and no terminal
/// escape, whatever a server or a client put into it.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ if character.is_control() => {
                // A write to a String cannot fail; control characters have at most four digits.
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line() {
        let message = "a \"b\" \\ c\nd\u{1b}[31m\u{85}ü";
        let written = r#""a \"b\" \\ c\nd\u001b[31m\u0085ü""#;
        let line = |format| line(format, SystemTime::UNIX_EPOCH, log::Level::Warn, message);
        assert_eq!(
            line(Format::Logfmt),
            format!("ts=1970-01-01T00:00:00.000Z level=warn msg={written}\n")
        );
        assert_eq!(
            line(Format::Json),
            format!(
                "{{\"ts\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warn\",\"msg\":{written}}}\n"
            )
        );
    }

    #[test]
    fn any_clock_can_be_printed() {
        let century = Duration::from_secs(3_155_760_000);
        for (now, expected) in [
            (UNIX_EPOCH - century, "ts=1970-01-01T00:00:00.000Z "),
            (UNIX_EPOCH + century * 1000, "ts=9999-12-31T23:59:59.000Z "),
        ] {
            let line = line(Format::Logfmt, now, log::Level::Info, "x");
            assert!(line.starts_with(expected), "{line}");
        }
    }
}
