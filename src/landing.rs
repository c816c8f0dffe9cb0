//! The page at `/`: which server is asked, how the last scrape went, and links to the metrics. It
//! loads nothing, and its links are relative, so that it works below a path of a proxy.

use std::fmt::Write;
use std::time::Duration;

use crate::config::{HEALTHY_PATH, READY_PATH};
use crate::scrape::Last;
use crate::telemetry::VERSION;

const STYLE: &str = ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
    body{max-width:46em;margin:2em auto;padding:0 1em;overflow-wrap:anywhere}h1{font-size:1.5em}\
    ul{columns:10em;padding-left:1.2em}.up,.down{border-left:.4em solid #2a2;padding-left:.6em}\
    .down{border-color:#d33}";

/// The page. The server is asked at `endpoint` for what is at `metrics_path`.
pub fn page(metrics_path: &str, endpoint: &str, last: Option<&Last>) -> String {
    let metrics = escape(&relative(metrics_path));
    let endpoint = escape(endpoint);
    let product = last.and_then(|last| last.product.as_ref());
    let server = product.map_or("The SIP server".to_string(), |product| {
        let name = match product.name.as_str() {
            "opensips" => "OpenSIPS",
            "kamailio" => "Kamailio",
            other => other,
        };
        escape(&format!("{name} {}", product.version))
    });
    let state = match last {
        None => "<p>There was no scrape yet.</p>".to_string(),
        Some(last) => {
            let ago = Duration::from_secs(last.ended.elapsed().as_secs());
            let ago = humantime::format_duration(ago);
            match &last.result {
                Ok(()) => format!("<p class=\"up\">The last scrape worked, {ago} ago.</p>"),
                Err(error) => {
                    let error = escape(error);
                    format!("<p class=\"down\">The last scrape failed, {ago} ago: {error}.</p>")
                }
            }
        }
    };
    let mut groups = String::new();
    for group in last.iter().flat_map(|last| &last.groups) {
        let query = percent_encode(&format!("{group}:"));
        let group = escape(group);
        // A write to a String cannot fail.
        let _ =
            writeln!(groups, "<li><a href=\"{metrics}?collect%5B%5D={query}\">{group}</a></li>");
    }
    let of_groups = if groups.is_empty() { "." } else { ", or those of one group or module:" };
    let (healthy, ready) = (relative(HEALTHY_PATH), relative(READY_PATH));
    format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>opensips_exporter</title>\n\
         <style>{STYLE}</style>\n\
         </head>\n\
         <body>\n\
         <h1>opensips_exporter</h1>\n\
         <p>{server} at <code>{endpoint}</code>, asked by version {VERSION}.</p>\n\
         {state}\n\
         <p><a href=\"{metrics}\">All metrics</a>{of_groups}</p>\n\
         <ul>\n{groups}</ul>\n\
         <p>Checks: <a href=\"{healthy}\">healthy</a>, <a href=\"{ready}\">ready</a></p>\n\
         </body>\n\
         </html>\n"
    )
}

/// `path` as seen from the page.
fn relative(path: &str) -> String {
    format!(".{path}")
}

fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
        escaped
    })
}
