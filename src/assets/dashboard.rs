//! The Grafana dashboard: the rows and panels of `dashboard.txt`, and the JSON that they make
//! (Grafana 10 and later, schema 39).
//!
//! Nothing but panels that Grafana brings along. A panel whose module is not loaded says that it
//! has no data. Its row is folded and cannot be hidden: Grafana shows a row that is repeated for
//! the values of a variable once where the variable has none.

/// A row of panels, which can be folded.
#[derive(Debug)]
pub struct Row {
    /// Its title.
    pub title: &'static str,
    /// Its panels, three next to each other.
    pub panels: Vec<Panel>,
}

/// One panel.
#[derive(Debug)]
pub struct Panel {
    /// Its title.
    pub title: &'static str,
    /// Its type, as Grafana calls it.
    pub kind: &'static str,
    /// The unit of its values: `up`, `yes`, or as Grafana calls it.
    pub unit: &'static str,
    /// What to make of it.
    pub description: &'static str,
    /// What it shows: expressions of PromQL, each with the name of its series.
    pub queries: Vec<(String, &'static str)>,
    /// Its number on the dashboard, as links to it have it.
    pub id: usize,
}

/// What panels of each type look like.
const OPTIONS: &[(&str, &str)] = &[
    ("stat", r#""options":{"reduceOptions":{"calcs":["lastNotNull"]},"colorMode":"value"}"#),
    (
        "timeseries",
        r#""options":{"legend":{"displayMode":"list","placement":"bottom"},"tooltip":{"mode":"multi","sort":"desc"}}"#,
    ),
    (
        "table",
        r#""options":{},"transformations":[{"id":"organize","options":{"excludeByName":{"Time":true,"Value":true,"__name__":true,"job":true}}}]"#,
    ),
    ("state-timeline", r#""options":{"showValue":"never"}"#),
];

/// Units that Grafana does not have, and how they show 0 and 1.
const UNITS: &[(&str, &str)] = &[
    ("up", r#"{"0":{"text":"down","color":"red"},"1":{"text":"up","color":"green"}}"#),
    ("yes", r#"{"0":{"text":"no","color":"blue"},"1":{"text":"yes","color":"green"}}"#),
];

/// The colours of all other values. By default what is above 80 is red.
const COLOURS: &str = r#""thresholds":{"mode":"absolute","steps":[{"color":"text","value":null}]}"#;

/// The numbers that each row has for itself and its panels, so that a further panel at the end of a
/// row breaks no link.
const NUMBERS: usize = 100;

/// All rows.
pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let lines = include_str!("dashboard.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with(';')) {
        let mut fields = line.split(" | ");
        let mut field = || fields.next().unwrap_or_default().trim();
        if let Some(title) = line.strip_prefix("# ") {
            rows.push(Row { title, panels: Vec::new() });
            continue;
        }
        let number = rows.len();
        if let Some(row) = rows.last_mut() {
            if line.starts_with('\t') {
                let query = (expanded(field()), field());
                if let Some(panel) = row.panels.last_mut() {
                    panel.queries.push(query);
                }
            } else {
                row.panels.push(Panel {
                    title: field(),
                    kind: field(),
                    unit: field(),
                    description: field(),
                    queries: Vec::new(),
                    id: number * NUMBERS + row.panels.len() + 1,
                });
            }
        }
    }
    rows
}

/// `expression` as Grafana takes it.
fn expanded(expression: &str) -> String {
    expression
        .replace("{}", "{job=~\"$job\",instance=~\"$instance\"}")
        .replace("{,", "{job=~\"$job\",instance=~\"$instance\",")
        .replace("[]", "[$__rate_interval]")
}

/// The whole width of a dashboard, those of a panel and of a number, and the heights of these and
/// of a row's title.
const WIDTH: usize = 24;
const PANEL: usize = 8;
const STAT: usize = 4;
const HEIGHT: usize = 7;
const TITLE: usize = 1;

/// The name of the dashboard in URLs.
pub const UID: &str = "opensips-exporter";

/// What each panel asks.
const SOURCE: &str = r#"{"type":"prometheus","uid":"${datasource}"}"#;

/// The dashboard as Grafana imports it.
pub fn json() -> String {
    let mut panels = Vec::new();
    let mut y = 0;
    for (number, row) in rows().iter().enumerate() {
        let title = string(row.title);
        let (of_row, mut x, start) = ((number + 1) * NUMBERS, 0, y);
        y += TITLE;
        let mut placed = Vec::new();
        for panel in &row.panels {
            let width = if panel.kind == "stat" { STAT } else { PANEL };
            if x + width > WIDTH {
                (x, y) = (0, y + HEIGHT);
            }
            placed.push(panel.json(x, y, width));
            x += width;
        }
        y += HEIGHT;
        let placed = placed.join(",\n");
        // The panels of a folded row stand in it, the others behind it.
        let is_folded = number > 0;
        let (folded, open) = if is_folded { (placed, None) } else { (String::new(), Some(placed)) };
        panels.push(format!(
            r#"{{"id":{of_row},"type":"row","title":{title},"collapsed":{is_folded},"panels":[{folded}],"gridPos":{{"x":0,"y":{start},"w":{WIDTH},"h":{TITLE}}}}}"#
        ));
        panels.extend(open);
    }
    let variables = ["job", "instance"].map(variable).join(",\n");
    let restarts = string(&expanded("resets(opensips_core_uptime_seconds{}[2m]) > 0"));
    format!(
        r#"{{
"title":"OpenSIPS",
"uid":"{UID}",
"tags":["opensips","kamailio","sip"],
"schemaVersion":39,
"editable":true,
"graphTooltip":1,
"refresh":"30s",
"time":{{"from":"now-6h","to":"now"}},
"annotations":{{"list":[
{{"name":"Restarts","datasource":{SOURCE},"enable":true,"iconColor":"red","expr":{restarts},"step":"60s","titleFormat":"Restart","textFormat":"{{{{instance}}}}"}}
]}},
"templating":{{"list":[
{{"name":"datasource","label":"Data source","type":"datasource","query":"prometheus"}},
{variables}
]}},
"panels":[
{}
]
}}
"#,
        panels.join(",\n")
    )
}

/// The choice among the values of `label`. All are the servers that the exporters know, since other
/// jobs have instances too.
fn variable(label: &str) -> String {
    let of_job = if label == "job" { "" } else { "{job=~\"$job\"}" };
    let query = string(&format!("label_values(opensips_up{of_job}, {label})"));
    format!(
        r#"{{"name":"{label}","type":"query","datasource":{SOURCE},"definition":{query},"query":{{"query":{query},"refId":"{label}"}},"refresh":2,"sort":1,"multi":true,"includeAll":true,"current":{{"text":"All","value":"$__all"}}}}"#
    )
}

impl Panel {
    /// The alerts that its description names.
    pub fn alerts(&self) -> impl Iterator<Item = &'static str> {
        let words = self.description.split(|c: char| !c.is_ascii_alphanumeric());
        words.filter(|word| word.starts_with("Opensips"))
    }

    fn json(&self, x: usize, y: usize, width: usize) -> String {
        let Panel { title, kind, unit, description, id, .. } = self;
        let options = OPTIONS.iter().find(|(of, _)| of == kind);
        let (_, options) = options.copied().unwrap_or_default();
        // Over a range a number would be the last one of a server that is gone.
        let (instant, format) = match *kind {
            "table" => (true, "table"),
            "stat" => (true, "time_series"),
            _ => (false, "time_series"),
        };
        let values = match UNITS.iter().find(|(known, _)| known == unit) {
            Some((_, texts)) => {
                format!(r#""unit":"short","mappings":[{{"type":"value","options":{texts}}}]"#)
            }
            None => format!(r#""unit":"{unit}""#),
        };
        let targets = self.queries.iter().zip('A'..).map(|((expression, legend), id)| {
            format!(
                r#"{{"refId":"{id}","datasource":{SOURCE},"expr":{},"legendFormat":{},"instant":{instant},"range":{},"format":"{format}"}}"#,
                string(expression),
                string(legend),
                !instant,
            )
        });
        let targets = targets.collect::<Vec<_>>().join(",");
        // Grafana's own list of alerts, which has those of Prometheus too.
        let links = self
            .alerts()
            .map(|alert| format!(r#"{{"title":"{alert}","url":"/alerting/list?search={alert}"}}"#));
        let links = links.collect::<Vec<_>>().join(",");
        let (title, description) = (string(title), string(description));
        format!(
            r#"{{"id":{id},"type":"{kind}","title":{title},"description":{description},"links":[{links}],"datasource":{SOURCE},"gridPos":{{"x":{x},"y":{y},"w":{width},"h":{HEIGHT}}},"fieldConfig":{{"defaults":{{{COLOURS},{values}}},"overrides":[]}},{options},"targets":[{targets}]}}"#
        )
    }
}

/// A JSON string.
fn string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
