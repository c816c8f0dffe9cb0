//! What each version of the server says: requests to replies, as the captured ones.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};

use super::captures::{Process, captured_processes};
use super::commands::{self, Taught};

/// A statistic: group, name and value.
pub type Statistic = (Vec<u8>, Vec<u8>, u64);

/// A statistic that the script made. Nobody can foresee its name.
pub fn script_variable(number: usize) -> Statistic {
    let name = format!("a variable of the script {number}");
    (b"script".to_vec(), name.into_bytes(), 1)
}

/// How a version of the server writes, from the captured replies; 1.10 from its source
/// (`modules/mi_datagram/mi_datagram_writer.c`).
#[derive(Debug, Clone, Copy)]
pub struct Version {
    pub name: &'static str,
    /// The folder of its captured replies.
    captured: &'static str,
    /// What it says of itself.
    banner: &'static str,
    protocol: Protocol,
    /// The largest reply.
    limit: usize,
    /// Whether it knows `list_statistics`.
    lists: bool,
    /// What it said when it was asked for its processes.
    processes: &'static [u8],
}

#[derive(Debug, Clone, Copy)]
enum Protocol {
    Line {
        /// Between the name of a statistic and its value.
        separator: &'static str,
        /// Behind the reply of every command.
        end: &'static str,
        /// What an unbalanced quote is answered with.
        parse_error: &'static str,
    },
    JsonRpc,
    Kamailio,
}

impl Version {
    /// The size of the largest reply, in bytes.
    pub fn limit(self) -> usize {
        self.limit
    }

    /// The same with another buffer, as `socket_buf_size` of 4.0 makes it.
    pub fn with_limit(self, limit: usize) -> Version {
        Version { limit, ..self }
    }

    /// Whether the two speak the same dialect.
    pub fn speaks_like(self, other: Version) -> bool {
        std::mem::discriminant(&self.protocol) == std::mem::discriminant(&other.protocol)
    }
}

pub const V1_10: Version = Version {
    name: "1.10",
    captured: "1.11",
    banner: "OpenSIPS (1.10.5-notls (x86_64/linux))",
    protocol: Protocol::Line {
        separator: " = ",
        end: "",
        parse_error: "400 parse error in command\n",
    },
    limit: 32733,
    lists: false,
    processes: include_bytes!("../fixtures/1.11/cmd_ps.reply"),
};

pub const V1_11: Version = Version {
    name: "1.11",
    captured: "1.11",
    banner: "OpenSIPS (1.11.11-notls (x86_64/linux))",
    protocol: Protocol::Line {
        separator: ":: ",
        end: "",
        parse_error: "400 parse error in command\n",
    },
    limit: 32733,
    lists: false,
    processes: include_bytes!("../fixtures/1.11/cmd_ps.reply"),
};

pub const V2_4: Version = Version {
    name: "2.4",
    captured: "2.4",
    banner: "OpenSIPS (2.4.11 (x86_64/linux))",
    protocol: Protocol::Line {
        separator: ":: ",
        end: "\n",
        parse_error: "400 parse_error\n",
    },
    limit: 65447,
    lists: true,
    processes: include_bytes!("../fixtures/2.4/cmd_ps.reply"),
};

pub const V3_6: Version = Version {
    name: "3.6",
    captured: "3.6",
    banner: "OpenSIPS (3.6.8 (x86_64/linux))",
    protocol: Protocol::JsonRpc,
    limit: 65415,
    lists: true,
    processes: include_bytes!("../fixtures/3.6/cmd_ps.reply"),
};

pub const V4_0: Version = Version {
    name: "4.0",
    captured: "4.0",
    banner: "OpenSIPS (4.0.1 (x86_64/linux))",
    protocol: Protocol::JsonRpc,
    limit: 65430,
    lists: true,
    processes: include_bytes!("../fixtures/4.0/cmd_ps.reply"),
};

pub const KAMAILIO: Version = Version {
    name: "kamailio-5.6",
    captured: "kamailio-5.6",
    banner: "kamailio 5.6.3 (x86_64/linux) ",
    protocol: Protocol::Kamailio,
    limit: 131_040,
    lists: false,
    processes: include_bytes!("../fixtures/kamailio-5.6/cmd_core.psx.reply"),
};

pub const KAMAILIO_6_1: Version = Version {
    name: "kamailio-6.1",
    captured: "kamailio-6.1",
    banner: "kamailio 6.1.4 (x86_64/linux) ",
    processes: include_bytes!("../fixtures/kamailio-6.1/cmd_core.psx.reply"),
    ..KAMAILIO
};

pub const VERSIONS: &[Version] = &[V1_10, V1_11, V2_4, V3_6, V4_0, KAMAILIO, KAMAILIO_6_1];

/// The reply to `request`, if there is one.
pub fn answer(request: &[u8], version: Version, statistics: &[Statistic]) -> Option<Vec<u8>> {
    answer_as_taught(request, version, statistics, &Taught::default())
}

/// The reply to `request` of a server with modules that answer as it was `taught`.
pub fn answer_as_taught(
    request: &[u8],
    version: Version,
    statistics: &[Statistic],
    taught: &Taught,
) -> Option<Vec<u8>> {
    let reply = match version.protocol {
        Protocol::Line {
            separator,
            end,
            parse_error,
        } => {
            let lines = line_answer(request, version, statistics, taught, separator, parse_error);
            let end = if lines.ends_with(b"not available\n") || lines == parse_error.as_bytes() {
                ""
            } else {
                end
            };
            [&lines, end.as_bytes()].concat()
        }
        _ => json_answer(request, version, statistics, taught)?,
    };
    match version.protocol {
        _ if reply.len() <= version.limit => Some(reply),
        Protocol::Line { .. } | Protocol::Kamailio => None,
        Protocol::JsonRpc => Some(b"500 Internal error".to_vec()),
    }
}

fn line_answer(
    request: &[u8],
    version: Version,
    statistics: &[Statistic],
    taught: &Taught,
    separator: &str,
    parse_error: &str,
) -> Vec<u8> {
    if request == b":version:\n" {
        return format!("200 OK\nServer:: {}\n", version.banner).into_bytes();
    }
    let arguments = |text: &[u8]| -> Vec<Vec<u8>> {
        let lines = text.split(|&byte| byte == b'\n');
        let lines = lines.map(|argument| argument.trim_ascii().to_vec());
        lines.filter(|argument| !argument.is_empty()).collect()
    };
    if request == b":ps:\n" {
        let lines = processes(version, statistics)
            .into_iter()
            .map(|(index, pid, role)| format!("Process::  ID={index} PID={pid} Type={role}\n"));
        return format!("200 OK\n{}", lines.collect::<String>()).into_bytes();
    }
    if let Some(groups) = request.strip_prefix(b":list_statistics:\n")
        && version.lists
    {
        let mut reply = b"200 OK\n".to_vec();
        for key in keys(&arguments(groups), statistics) {
            reply.extend_from_slice(&key);
            reply.extend_from_slice(b":: incremental\n");
        }
        return reply;
    }
    let Some(text) = request.strip_prefix(b":get_statistics:\n") else {
        let reply = commands::line_reply(version.captured, taught, request);
        return reply.unwrap_or_else(|| b"500 command not available\n".to_vec());
    };
    let arguments = arguments(text);
    if arguments.iter().any(|argument| argument.contains(&b'"')) {
        return parse_error.into();
    }
    let found = look_up(&arguments, statistics);
    let mut reply = match (arguments.is_empty(), found.is_empty()) {
        (true, _) => b"400 Too few or too many arguments\n".to_vec(),
        (false, true) => b"404 Statistics Not Found\n".to_vec(),
        (false, false) => b"200 OK\n".to_vec(),
    };
    for (group, name, value) in found {
        reply.extend_from_slice(group);
        reply.push(b':');
        reply.extend_from_slice(name);
        reply.extend_from_slice(format!("{separator}{value}\n").as_bytes());
    }
    reply
}

fn json_answer(
    request: &[u8],
    version: Version,
    statistics: &[Statistic],
    taught: &Taught,
) -> Option<Vec<u8>> {
    let is_kamailio = matches!(version.protocol, Protocol::Kamailio);
    let request: serde_json::Value = match serde_json::from_slice(request) {
        Ok(request) => request,
        Err(_) if is_kamailio => return None,
        Err(_) => return Some(b"400 Parse_error".to_vec()),
    };
    let method = request["method"]
        .as_str()
        .expect("4.0 dies without a method");
    assert_eq!(request["jsonrpc"], "2.0");
    let id = &request["id"];
    let strings = |list: &serde_json::Value| -> Vec<Vec<u8>> {
        let list = list.as_array().expect("a list").iter();
        list.map(|argument| argument.as_str().expect("a string").into())
            .collect()
    };
    if let Some(reply) = commands::json_reply(version.captured, taught, &request) {
        return Some(format!("{{\"jsonrpc\":\"2.0\",{reply},\"id\":{id}}}").into());
    }
    let banner = version.banner;
    let mut reply = Vec::new();
    match (is_kamailio, method) {
        (false, "version") => {
            let member = format!("{{\"Server\":\"{banner}\"}}");
            reply.extend_from_slice(member.as_bytes());
        }
        (false, "ps") => {
            let processes = processes(version, statistics)
                .into_iter()
                .map(|(index, pid, role)| {
                    format!("{{\"ID\":{index},\"PID\":{pid},\"Type\":\"{role}\"}}")
                });
            let processes = processes.collect::<Vec<_>>().join(",");
            reply.extend_from_slice(format!("{{\"Processes\":[{processes}]}}").as_bytes());
        }
        (true, "core.psx") => {
            let processes = processes(version, statistics).into_iter().map(|(index, pid, role)| {
                format!(
                    "{{\n\t\t\t\"IDX\":\t{index},\n\t\t\t\"PID\":\t{pid},\n\t\t\t\"DSC\":\t\"{role}\"\n\t\t}}"
                )
            });
            let processes = processes.collect::<Vec<_>>().join(", ");
            reply.extend_from_slice(format!("[{processes}]").as_bytes());
        }
        (false, "list_statistics") => {
            let groups = match &request["params"] {
                serde_json::Value::Null => Vec::new(),
                parameters => strings(&parameters[0]),
            };
            let members = keys(&groups, statistics)
                .into_iter()
                .map(|key| [b"\"".as_slice(), &escaped(&key), b"\":\"incremental\""].concat());
            let members: Vec<Vec<u8>> = members.collect();
            reply = [b"{".as_slice(), &members.join(b",".as_slice()), b"}"].concat();
        }
        (true, "core.version") => reply.extend_from_slice(format!("\"{banner}\"").as_bytes()),
        (false, "get_statistics") => {
            let mut separator = "{";
            for (group, name, value) in look_up(&strings(&request["params"][0]), statistics) {
                reply.extend_from_slice(separator.as_bytes());
                reply.push(b'"');
                reply.extend_from_slice(&escaped(group));
                reply.push(b':');
                reply.extend_from_slice(&escaped(name));
                // Numbers go through a double.
                match value {
                    0..=0x1f_ffff_ffff_ffff => {
                        reply.extend_from_slice(format!("\":{value}").as_bytes());
                    }
                    _ => reply.extend_from_slice(b"\":1.844674e+19"),
                }
                separator = ",";
            }
            reply.extend_from_slice(if reply.is_empty() { b"{}" } else { b"}" });
        }
        (true, "stats.get_statistics") => {
            let lines: Vec<Vec<u8>> = look_up(&strings(&request["params"]), statistics)
                .iter()
                .map(|(group, name, value)| {
                    let end = format!(" = {value}\"");
                    let (group, name) = (escaped(group), escaped(name));
                    [b"\"".as_slice(), &group, b":", &name, end.as_bytes()].concat()
                })
                .collect();
            reply = [b"[".as_slice(), &lines.join(b", ".as_slice()), b"]"].concat();
        }
        (true, _) => {
            let error =
                "\"error\":\t{\n\t\t\"code\":\t500,\n\t\t\"message\":\t\"Method Not Found\"\n\t}";
            return Some(
                format!("{{\n\t\"jsonrpc\":\t\"2.0\",\n\t{error},\n\t\"id\":\t{id}\n}}").into(),
            );
        }
        (false, _) => {
            let error = "{\"code\":-32601,\"message\":\"Method not found\"}";
            return Some(format!("{{\"jsonrpc\":\"2.0\",\"error\":{error},\"id\":{id}}}").into());
        }
    }
    let (start, end) = if is_kamailio {
        (
            "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t",
            format!(",\n\t\"id\":\t{id}\n}}"),
        )
    } else {
        (
            "{\"jsonrpc\":\"2.0\",\"result\":",
            format!(",\"id\":{id}}}"),
        )
    };
    Some([start.as_bytes(), &reply, end.as_bytes()].concat())
}

/// The `group:name` of the statistics in `groups`, or of all for none.
fn keys(groups: &[Vec<u8>], statistics: &[Statistic]) -> Vec<Vec<u8>> {
    let is_asked_for = |(group, ..): &&Statistic| {
        let mut groups = groups.iter();
        groups.len() == 0 || groups.any(|of| of.strip_suffix(b":") == Some(group))
    };
    let asked_for = statistics.iter().filter(is_asked_for);
    let keys = asked_for.map(|(group, name, _)| [group.as_slice(), b":", name].concat());
    keys.collect()
}

/// The captured processes, or those that have statistics if these are others.
fn processes(version: Version, statistics: &[Statistic]) -> Vec<Process> {
    let captured = captured_processes(version.processes);
    let numbered = statistics.iter().filter_map(|(group, name, _)| {
        let name = std::str::from_utf8(name).ok()?;
        let index = name.strip_suffix("-total_size")?.parse().ok()?;
        (group == b"pkmem").then_some(index)
    });
    let numbered: Vec<usize> = numbered.collect();
    if numbered.len() <= captured.len() {
        return captured;
    }
    let role = "SIP receiver udp:127.0.0.1:5060";
    let numbered = numbered.into_iter();
    numbered
        .map(|index| (index, 10_000 + index, role.to_string()))
        .collect()
}

/// A string as cJSON writes it: bytes that are not ASCII stay as they are.
fn escaped(text: &[u8]) -> Vec<u8> {
    if !text
        .iter()
        .any(|&byte| byte < 32 || b"\"\\".contains(&byte))
    {
        return text.to_vec();
    }
    text.iter()
        .flat_map(|&byte| match byte {
            b'"' | b'\\' => vec![b'\\', byte],
            b'\n' => b"\\n".to_vec(),
            b'\t' => b"\\t".to_vec(),
            0..32 => format!("\\u{byte:04x}").into_bytes(),
            _ => vec![byte],
        })
        .collect()
}

/// The statistics that `arguments` ask for.
fn look_up<'s>(arguments: &[Vec<u8>], all: &'s [Statistic]) -> Vec<&'s Statistic> {
    // Of several with one name, the first. Only names need it, and it takes long.
    let by_name = LazyCell::new(|| -> HashMap<&[u8], &Statistic> {
        let is_asked_for: HashSet<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        let named = all.iter().rev().map(|named| (named.1.as_slice(), named));
        named
            .filter(|(name, _)| is_asked_for.contains(name))
            .collect()
    });
    let mut found = Vec::new();
    for argument in arguments {
        if argument == b"all" {
            found.extend(all);
        } else if let Some(group) = argument.strip_suffix(b":") {
            found.extend(all.iter().filter(|(of, ..)| of.eq_ignore_ascii_case(group)));
        } else {
            found.extend(by_name.get(argument.as_slice()));
        }
    }
    found
}
