//! What the versions of the server answered to commands, and what a stand-in was taught to answer.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

/// What commands answer.
#[derive(Debug, Clone, Default)]
pub struct Taught {
    /// Whether there are modules, with all commands that were captured.
    pub has_modules: bool,
    /// The lines behind the status, or the JSON of the result.
    pub answers: HashMap<String, String>,
}

/// The commands of a server without modules.
const CORE: &[&str] = &[
    "get_statistics",
    "stats.get_statistics",
    "version",
    "which",
    "ps",
];

/// The names of 4.0, whose replies were captured under the old ones.
const RENAMED: &[(&str, &str)] = &[
    ("core:which", "which"),
    ("dispatcher:list", "ds_list"),
    ("load_balancer:list", "lb_list"),
    ("drouting:gw_status", "dr_gw_status"),
    ("drouting:carrier_status", "dr_carrier_status"),
    ("drouting:reload_status", "dr_reload_status"),
    ("clusterer:list", "clusterer_list"),
    ("clusterer:list_cap", "clusterer_list_cap"),
    ("clusterer:list_shtags", "clusterer_list_shtags"),
    ("uac_registrant:list", "reg_list"),
    ("dialog:profile_get_size", "profile_get_size"),
    ("call_center:list_agents", "cc_list_agents"),
    ("call_center:list_flows", "cc_list_flows"),
    ("status_report:status", "sr_list_status"),
    ("tcp:list", "list_tcp_conns"),
    ("blacklists:list", "list_blacklists"),
    ("dialog:list_all_profiles", "list_all_profiles"),
    ("ratelimit:list", "rl_list"),
    ("mqueue:get_sizes", "mq_get_sizes"),
    ("call_center:list_queue", "cc_list_queue"),
    ("rtp_relay:list", "rtp_relay_list"),
];

/// The reply to a request of the line protocol.
pub fn line_reply(version: &str, taught: &Taught, request: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(request).ok()?;
    let name = text.strip_prefix(':')?.split_once(':')?.0;
    if let Some(lines) = taught
        .answers
        .get(text)
        .or_else(|| taught.answers.get(name))
    {
        let is_whole = lines.starts_with(|c: char| c.is_ascii_digit());
        let status = if is_whole { "" } else { "200 OK\n" };
        return Some(format!("{status}{lines}").into_bytes());
    }
    if !taught.has_modules {
        return (name == "which").then(|| format!("200 OK\n{}\n", CORE.join("\n")).into_bytes());
    }
    let captured = captured(version);
    let (_, reply) = captured.iter().find(|(known, _)| known == request)?;
    // Another one adds the empty line of 2.4.
    Some(
        reply
            .strip_suffix(b"\n\n")
            .map_or(reply.clone(), |reply| [reply, b"\n"].concat()),
    )
}

/// The result or the error in the reply to a JSON request, as text.
pub fn json_reply(version: &str, taught: &Taught, request: &Value) -> Option<String> {
    let method = request["method"].as_str()?;
    let parameters = request
        .get("params")
        .map(Value::to_string)
        .unwrap_or_default();
    let answers = &taught.answers;
    let answer = answers.get(&format!("{method}{parameters}"));
    if let Some(result) = answer.or_else(|| answers.get(method)) {
        let is_error = result.starts_with("\"error\"");
        let start = if is_error { "" } else { "\"result\":" };
        return Some(format!("{start}{result}"));
    }
    if !taught.has_modules {
        let is_asked = ["which", "system.listMethods"].contains(&method);
        return is_asked.then(|| format!("\"result\":{}", serde_json::json!(CORE)));
    }
    if ["trace", "tracer:trace"].contains(&method) {
        // Not captured: OpenSIPS 3.0 to 4.0, modules/tracer/tracer.c.
        return Some(r#""result":{"global":"off","trace destinations":[]}"#.to_string());
    }
    let old = RENAMED.iter().find(|(name, _)| *name == method);
    let method = old.map_or(method, |(_, old)| old);
    if let ("sr_list_status", Some(group)) = (method, request["params"]["group"].as_str()) {
        let all: Value = captured_json(version, |known| known["method"] == method)?;
        let groups = all["result"].as_array()?;
        let group = groups.iter().find(|found| found["Name"] == group)?;
        return Some(format!("\"result\":{}", group["Identifiers"]));
    }
    let reply = captured_json(version, |known| {
        known["method"] == method && known.get("params") == request.get("params")
    })?;
    let (name, value) = match reply.get("error") {
        Some(error) => ("error", error),
        None => ("result", &reply["result"]),
    };
    Some(format!("\"{name}\":{value}"))
}

fn captured_json(version: &str, is_asked: impl Fn(&Value) -> bool) -> Option<Value> {
    let captured = captured(version);
    let (_, reply) = captured.iter().find(|(request, _)| {
        serde_json::from_slice(request).is_ok_and(|request: Value| is_asked(&request))
    })?;
    serde_json::from_slice(reply).ok()
}

/// A request and the reply to it.
type Exchange = (Vec<u8>, Vec<u8>);

/// All captured requests of commands, and the replies.
fn captured(version: &str) -> &'static [Exchange] {
    static CAPTURED: OnceLock<Mutex<HashMap<String, &[Exchange]>>> = OnceLock::new();
    let mut all = CAPTURED.get_or_init(Mutex::default).lock().unwrap();
    all.entry(version.to_string()).or_insert_with(|| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(version);
        let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut read = Vec::new();
        for path in files.map(|file| file.path()) {
            if path.extension().is_some_and(|end| end == "request")
                && path
                    .file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with("cmd_"))
            {
                let content = |path: &Path| std::fs::read(path).expect("a captured file");
                read.push((content(&path), content(&path.with_extension("reply"))));
            }
        }
        read.leak()
    })
}
