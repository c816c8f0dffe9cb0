//! What the captured replies say.

use super::Statistic;

/// The statistics in a reply that was captured.
pub fn read_captured(reply: &[u8]) -> Vec<Statistic> {
    if reply.starts_with(b"{") {
        return read_captured_json(reply);
    }
    let mut lines = reply.split(|&byte| byte == b'\n');
    assert_eq!(lines.next(), Some(&b"200 OK"[..]), "a captured reply");
    lines
        .filter(|line| !line.is_empty())
        .map(|line| read_line(line, b":: "))
        .collect()
}

fn read_captured_json(reply: &[u8]) -> Vec<Statistic> {
    if let Ok(serde_json::Value::Array(lines)) =
        serde_json::from_slice(reply).map(|mut reply: serde_json::Value| reply["result"].take())
    {
        return lines
            .iter()
            .map(|line| read_line(line.as_str().expect("a line").as_bytes(), b" = "))
            .collect();
    }
    // Not by a parser, which would lose the order, and the bytes that are not UTF-8.
    let start = b"\"result\":{";
    let start = start.len()
        + reply
            .windows(start.len())
            .position(|window| window == start)
            .expect("a result");
    let end = reply
        .iter()
        .rposition(|&byte| byte == b'}')
        .expect("an end");
    let end = reply[..end]
        .iter()
        .rposition(|&byte| byte == b'}')
        .expect("an end");
    let mut members = Vec::new();
    let mut rest = &reply[start..end];
    while let Some(quoted) = rest.strip_prefix(b"\"") {
        let close = quoted
            .windows(2)
            .position(|window| window == b"\":")
            .expect("a key");
        let value = &quoted[close + 2..];
        let comma = value
            .iter()
            .position(|&byte| byte == b',')
            .unwrap_or(value.len());
        let number = std::str::from_utf8(&value[..comma]).expect("a number");
        let number = match number {
            // Six below zero, whose digits a double loses.
            "1.844674e+19" => u64::MAX - 5,
            _ => number.parse().expect("a number"),
        };
        let key = unescaped(&quoted[..close]);
        let colon = key.iter().position(|&byte| byte == b':').expect("a group");
        members.push((key[..colon].to_vec(), key[colon + 1..].to_vec(), number));
        rest = value.get(comma + 1..).unwrap_or_default();
    }
    members
}

/// Undoes [`escaped`].
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = text.iter().copied();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next().expect("an escape") {
                b'n' => b'\n',
                b't' => b'\t',
                b'u' => {
                    let digits: Vec<u8> = bytes.by_ref().take(4).collect();
                    let digits = std::str::from_utf8(&digits).expect("digits");
                    u8::from_str_radix(digits, 16).expect("a control character")
                }
                other => other,
            },
            _ => byte,
        });
    }
    plain
}

fn read_line(line: &[u8], separator: &[u8]) -> Statistic {
    let colon = line.iter().position(|&byte| byte == b':').expect("a group");
    let end = line
        .windows(separator.len())
        .rposition(|window| window == separator)
        .expect("a value");
    let value = std::str::from_utf8(&line[end + separator.len()..])
        .ok()
        .and_then(|text| text.parse().ok());
    (
        line[..colon].to_vec(),
        line[colon + 1..end].to_vec(),
        value.unwrap_or_else(|| panic!("no number in {}", line.escape_ascii())),
    )
}

/// A process: index, number and role.
pub type Process = (usize, usize, String);

/// The processes in a reply that was captured.
pub fn captured_processes(reply: &[u8]) -> Vec<Process> {
    if let Ok(reply) = serde_json::from_slice::<serde_json::Value>(reply) {
        let result = &reply["result"];
        let list = result.get("Processes").unwrap_or(result).as_array();
        let process = |value: &serde_json::Value| {
            let number = |names: [&str; 2]| {
                let number = names.iter().find_map(|name| value[name].as_u64());
                number.expect("a number") as usize
            };
            let role = value["Type"].as_str().or(value["DSC"].as_str());
            let role = role.expect("a role").to_string();
            (number(["ID", "IDX"]), number(["PID", "PID"]), role)
        };
        return list.expect("a list").iter().map(process).collect();
    }
    let text = std::str::from_utf8(reply).expect("text");
    let lines = text.lines().filter_map(|line| {
        let (index, rest) = line.strip_prefix("Process::  ID=")?.split_once(" PID=")?;
        let (pid, role) = rest.split_once(" Type=")?;
        Some((index.parse().ok()?, pid.parse().ok()?, role.to_string()))
    });
    lines.collect()
}
