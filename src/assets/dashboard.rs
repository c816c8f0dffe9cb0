//! The Grafana dashboard: a table of rows and panels, and the JSON that they make (Grafana 10 and later, schema 39).
//!
//! Nothing but panels that Grafana brings along. A panel whose module is not loaded says that it has no data.

use std::fmt::Write;

use crate::mi::json::string;

/// A row of panels, which can be folded.
pub struct Row {
    /// Its title.
    pub title: &'static str,
    /// Its panels, three next to each other.
    pub panels: &'static [Panel],
}

/// One panel.
pub struct Panel {
    /// Its title.
    pub title: &'static str,
    /// What it looks like.
    pub shape: Shape,
    /// The unit of its values, as Grafana calls it.
    pub unit: &'static str,
    /// What it shows: expressions of PromQL, each with the name of its series.
    pub queries: &'static [(&'static str, &'static str)],
}

/// What a panel looks like.
#[derive(Clone, Copy)]
pub enum Shape {
    /// The last value.
    Stat,
    /// Values over time.
    Lines,
    /// The values of the moment, each with its labels.
    Table,
    /// 1 and 0 over time as up and down.
    UpOrDown,
}

const fn panel(
    title: &'static str,
    shape: Shape,
    unit: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    Panel {
        title,
        shape,
        unit,
        queries,
    }
}

const fn lines(
    title: &'static str,
    unit: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    panel(title, Shape::Lines, unit, queries)
}

const fn up_or_down(
    title: &'static str,
    queries: &'static [(&'static str, &'static str)],
) -> Panel {
    panel(title, Shape::UpOrDown, "short", queries)
}

/// All rows. `$instance` are the servers that are chosen.
pub const ROWS: &[Row] = &[
    Row {
        title: "Overview",
        panels: &[
            panel(
                "Up",
                Shape::Stat,
                "short",
                &[("opensips_up{instance=~\"$instance\"}", "{{instance}}")],
            ),
            panel(
                "Uptime",
                Shape::Stat,
                "s",
                &[(
                    "opensips_core_uptime_seconds{instance=~\"$instance\"}",
                    "{{instance}}",
                )],
            ),
            panel(
                "Version",
                Shape::Table,
                "short",
                &[("opensips_info{instance=~\"$instance\"}", "")],
            ),
        ],
    },
    Row {
        title: "Traffic",
        panels: &[
            lines(
                "Messages",
                "reqps",
                &[
                    (
                        "rate(opensips_core_requests_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} requests",
                    ),
                    (
                        "rate(opensips_core_replies_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} replies",
                    ),
                ],
            ),
            lines(
                "Requests forwarded, dropped, in error",
                "reqps",
                &[
                    (
                        "rate(opensips_core_requests{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} requests {{kind}}",
                    ),
                    (
                        "rate(opensips_core_replies{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} replies {{kind}}",
                    ),
                ],
            ),
            lines(
                "Messages that could not be read",
                "reqps",
                &[
                    (
                        "rate(opensips_core_bad_URIs_rcvd{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} URIs",
                    ),
                    (
                        "rate(opensips_core_bad_msg_hdr{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} headers",
                    ),
                    (
                        "rate(opensips_core_unsupported_methods{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} methods",
                    ),
                ],
            ),
            lines(
                "Replies without transaction",
                "reqps",
                &[
                    (
                        "rate(opensips_sl_replies{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{type}}",
                    ),
                    (
                        "rate(opensips_sl_sent_err_replies_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} error",
                    ),
                    (
                        "rate(opensips_sl_failures{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} failed",
                    ),
                ],
            ),
            lines(
                "Waiting in the queues of the sockets",
                "bytes",
                &[(
                    "opensips_net_waiting{instance=~\"$instance\"}",
                    "{{instance}} {{protocol}}",
                )],
            ),
            lines(
                "Slow",
                "reqps",
                &[
                    (
                        "rate(opensips_core_slow_messages_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} messages",
                    ),
                    (
                        "rate(opensips_sql_slow_queries_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} SQL queries",
                    ),
                    (
                        "rate(opensips_cdb_slow_queries_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} CacheDB queries",
                    ),
                    (
                        "rate(opensips_dns_slow_queries_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} DNS queries",
                    ),
                ],
            ),
        ],
    },
    Row {
        title: "Transactions",
        panels: &[
            lines(
                "Transactions",
                "reqps",
                &[
                    (
                        "rate(opensips_tm_transactions_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{type}}",
                    ),
                    (
                        "rate(opensips_tmx_transactions_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{type}}",
                    ),
                ],
            ),
            lines(
                "Transactions now",
                "short",
                &[
                    (
                        "opensips_tm_inuse_transactions{instance=~\"$instance\"}",
                        "{{instance}}",
                    ),
                    (
                        "opensips_tmx_inuse_transactions{instance=~\"$instance\"}",
                        "{{instance}}",
                    ),
                    (
                        "opensips_tmx_active_transactions{instance=~\"$instance\"}",
                        "{{instance}} active",
                    ),
                ],
            ),
            lines(
                "Retransmissions and timeouts",
                "reqps",
                &[
                    (
                        "rate(opensips_tm_retransmissions_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{message}} {{timer}}",
                    ),
                    (
                        "rate(opensips_tm_timeouts_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} timeout {{timer}}",
                    ),
                ],
            ),
            lines(
                "Replies",
                "reqps",
                &[
                    (
                        "rate(opensips_tm_received_replies_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} received",
                    ),
                    (
                        "rate(opensips_tm_relayed_replies_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} relayed",
                    ),
                    (
                        "rate(opensips_tm_local_replies_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} local",
                    ),
                    (
                        "rate(opensips_tmx_replies{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{type}}",
                    ),
                ],
            ),
        ],
    },
    Row {
        title: "Dialogs",
        panels: &[
            lines(
                "Dialogs now",
                "short",
                &[
                    (
                        "opensips_dialog_dialogs{instance=~\"$instance\",status=~\"active|early\"}",
                        "{{instance}} {{status}}",
                    ),
                    (
                        "opensips_dialog_states_dialogs{instance=~\"$instance\"}",
                        "{{instance}} {{state}}",
                    ),
                ],
            ),
            lines(
                "Dialogs created, expired, failed",
                "cps",
                &[(
                    "rate(opensips_dialog_dialogs{instance=~\"$instance\",status=~\"processed|expired|failed\"}[$__rate_interval])",
                    "{{instance}} {{status}}",
                )],
            ),
            lines(
                "Profiles",
                "short",
                &[(
                    "opensips_dialog_profile_dialogs{instance=~\"$instance\"}",
                    "{{instance}} {{profile}}",
                )],
            ),
            lines(
                "Replication",
                "cps",
                &[
                    (
                        "rate(opensips_dialog_received{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{event}} received",
                    ),
                    (
                        "rate(opensips_dialog_sent{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{event}} sent",
                    ),
                ],
            ),
        ],
    },
    Row {
        title: "Registrations",
        panels: &[
            lines(
                "Registered users",
                "short",
                &[
                    (
                        "opensips_usrloc_registered_users_total{instance=~\"$instance\"}",
                        "{{instance}}",
                    ),
                    (
                        "opensips_usrloc_users{instance=~\"$instance\"}",
                        "{{instance}} {{domain}}",
                    ),
                ],
            ),
            lines(
                "Contacts",
                "short",
                &[(
                    "opensips_usrloc_contacts{instance=~\"$instance\"}",
                    "{{instance}} {{domain}}",
                )],
            ),
            lines(
                "Registrations",
                "cps",
                &[
                    (
                        "rate(opensips_registrar_registrations{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{type}}",
                    ),
                    (
                        "rate(opensips_usrloc_expires{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{domain}} expired",
                    ),
                ],
            ),
        ],
    },
    Row {
        title: "Memory and processes",
        panels: &[
            lines(
                "Shared memory",
                "bytes",
                &[
                    (
                        "opensips_shmem_real_used_size{instance=~\"$instance\"}",
                        "{{instance}} used",
                    ),
                    (
                        "opensips_shmem_max_used_size{instance=~\"$instance\"}",
                        "{{instance}} most",
                    ),
                    (
                        "opensips_shmem_total_size{instance=~\"$instance\"}",
                        "{{instance}} size",
                    ),
                ],
            ),
            lines(
                "Private memory, the fullest processes",
                "percentunit",
                &[(
                    "topk(10, opensips_pkmem_real_used_size{instance=~\"$instance\"} / (opensips_pkmem_total_size{instance=~\"$instance\"} > 0))",
                    "{{instance}} process {{pid}}",
                )],
            ),
            panel(
                "Processes",
                Shape::Table,
                "short",
                &[("opensips_process_info{instance=~\"$instance\"}", "")],
            ),
            lines(
                "Fragments of shared memory",
                "short",
                &[(
                    "opensips_shmem_fragments{instance=~\"$instance\"}",
                    "{{instance}}",
                )],
            ),
        ],
    },
    Row {
        title: "Load",
        panels: &[
            lines(
                "Load",
                "percent",
                &[
                    (
                        "opensips_load_all_1m{instance=~\"$instance\"}",
                        "{{instance}} all processes",
                    ),
                    (
                        "opensips_load_core_1m{instance=~\"$instance\"}",
                        "{{instance}} core",
                    ),
                    (
                        "opensips_load_load{instance=~\"$instance\"}",
                        "{{instance}} {{protocol}}:{{ip}}:{{port}}",
                    ),
                    (
                        "opensips_load_tcp_load{instance=~\"$instance\"}",
                        "{{instance}} TCP",
                    ),
                ],
            ),
            lines(
                "Load of the busiest processes",
                "percent",
                &[(
                    "topk(10, opensips_load_1m{instance=~\"$instance\"})",
                    "{{instance}} process {{process}}",
                )],
            ),
            lines(
                "Number of processes",
                "short",
                &[(
                    "opensips_load_processes_number{instance=~\"$instance\"}",
                    "{{instance}}",
                )],
            ),
        ],
    },
    Row {
        title: "Routing",
        panels: &[
            up_or_down(
                "Destinations of dispatcher",
                &[(
                    "opensips_dispatcher_destination_up{instance=~\"$instance\"}",
                    "{{instance}} {{partition}} {{set}} {{uri}}",
                )],
            ),
            lines(
                "Hits of destinations",
                "reqps",
                &[(
                    "rate(opensips_dispatcher_destination_hits_total{instance=~\"$instance\"}[$__rate_interval])",
                    "{{instance}} {{partition}} {{set}} {{uri}}",
                )],
            ),
            up_or_down(
                "Gateways and carriers of drouting",
                &[
                    (
                        "opensips_drouting_gateway_up{instance=~\"$instance\"}",
                        "{{instance}} {{partition}} {{gateway}}",
                    ),
                    (
                        "opensips_drouting_carrier_up{instance=~\"$instance\"}",
                        "{{instance}} {{partition}} {{carrier}}",
                    ),
                ],
            ),
            up_or_down(
                "Destinations of load_balancer",
                &[(
                    "opensips_load_balancer_destination_up{instance=~\"$instance\"}",
                    "{{instance}} {{group}} {{uri}}",
                )],
            ),
            lines(
                "Resources of load_balancer in use",
                "percentunit",
                &[(
                    "opensips_load_balancer_resource_load{instance=~\"$instance\"} / (opensips_load_balancer_resource_max{instance=~\"$instance\"} > 0)",
                    "{{instance}} {{uri}} {{resource}}",
                )],
            ),
            up_or_down(
                "RTP proxies",
                &[
                    (
                        "opensips_rtpproxy_node_up{instance=~\"$instance\"}",
                        "{{instance}} {{set}} {{node}}",
                    ),
                    (
                        "opensips_rtpengine_node_up{instance=~\"$instance\"}",
                        "{{instance}} {{set}} {{node}}",
                    ),
                ],
            ),
            up_or_down(
                "Registrations at others",
                &[(
                    "opensips_uac_registrant_registration_up{instance=~\"$instance\"}",
                    "{{instance}} {{aor}}",
                )],
            ),
            up_or_down(
                "Cluster",
                &[
                    (
                        "opensips_clusterer_node_up{instance=~\"$instance\"}",
                        "{{instance}} {{cluster}} node {{node}}",
                    ),
                    (
                        "opensips_clusterer_capability_up{instance=~\"$instance\"}",
                        "{{instance}} {{cluster}} {{capability}}",
                    ),
                    (
                        "opensips_clusterer_sharing_tag_state{instance=~\"$instance\",state=\"active\"}",
                        "{{instance}} {{cluster}} tag {{tag}}",
                    ),
                ],
            ),
            up_or_down(
                "Status reports",
                &[(
                    "opensips_status_report_identifier_up{instance=~\"$instance\"}",
                    "{{instance}} {{group}} {{identifier}}",
                )],
            ),
            lines(
                "Connections and blacklists",
                "short",
                &[
                    (
                        "opensips_tcp_connections{instance=~\"$instance\"}",
                        "{{instance}} {{protocol}} {{state}}",
                    ),
                    (
                        "opensips_blacklists_rules{instance=~\"$instance\"}",
                        "{{instance}} blacklist {{list}}",
                    ),
                ],
            ),
        ],
    },
    Row {
        title: "Call center",
        panels: &[
            lines(
                "Waiting",
                "short",
                &[
                    (
                        "opensips_call_center_flow_waiting_calls{instance=~\"$instance\"}",
                        "{{instance}} {{flow}}",
                    ),
                    (
                        "opensips_call_center_flow_queued_calls{instance=~\"$instance\"}",
                        "{{instance}} {{flow}} queued",
                    ),
                ],
            ),
            lines(
                "Calls",
                "cps",
                &[
                    (
                        "rate(opensips_call_center_flow_calls_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{flow}}",
                    ),
                    (
                        "rate(opensips_call_center_flow_abandoned_calls_total{instance=~\"$instance\"}[$__rate_interval])",
                        "{{instance}} {{flow}} abandoned",
                    ),
                ],
            ),
            lines(
                "Agents",
                "short",
                &[
                    (
                        "sum by (instance, state) (opensips_call_center_agent_state{instance=~\"$instance\"})",
                        "{{instance}} {{state}}",
                    ),
                    (
                        "sum by (instance) (opensips_call_center_agent_logged_in{instance=~\"$instance\"})",
                        "{{instance}} logged in",
                    ),
                ],
            ),
        ],
    },
    Row {
        title: "Exporter",
        panels: &[
            lines(
                "Time of a scrape",
                "s",
                &[
                    (
                        "opensips_scrape_duration_seconds{instance=~\"$instance\"}",
                        "{{instance}}",
                    ),
                    (
                        "opensips_scrape_collector_duration_seconds{instance=~\"$instance\"}",
                        "{{instance}} {{collector}}",
                    ),
                ],
            ),
            lines(
                "Not read",
                "short",
                &[
                    (
                        "opensips_exporter_unparsed_lines{instance=~\"$instance\"}",
                        "{{instance}} lines",
                    ),
                    (
                        "1 - opensips_scrape_collector_success{instance=~\"$instance\"}",
                        "{{instance}} {{collector}}",
                    ),
                ],
            ),
            lines(
                "Refused",
                "reqps",
                &[(
                    "rate(opensips_exporter_http_rejected_total{instance=~\"$instance\"}[$__rate_interval])",
                    "{{instance}} {{reason}}",
                )],
            ),
            lines(
                "Processor and memory",
                "short",
                &[
                    (
                        "rate(process_cpu_seconds_total{instance=~\"$instance\"}[$__rate_interval]) and on (instance) opensips_up",
                        "{{instance}} processor",
                    ),
                    (
                        "process_threads{instance=~\"$instance\"} and on (instance) opensips_up",
                        "{{instance}} threads",
                    ),
                ],
            ),
            panel(
                "Version",
                Shape::Table,
                "short",
                &[("opensips_exporter_build_info{instance=~\"$instance\"}", "")],
            ),
        ],
    },
];

/// The whole width of a dashboard, and the size of a panel and of a row's title.
const WIDTH: usize = 24;
const PANEL: (usize, usize) = (8, 7);
const TITLE: usize = 1;

/// What each panel asks.
const SOURCE: &str = r#"{"type":"prometheus","uid":"${datasource}"}"#;

/// The dashboard as Grafana imports it.
pub fn json() -> String {
    let mut panels = Vec::new();
    let mut y = 0;
    for row in ROWS {
        let title = string(row.title);
        panels.push(format!(
            r#"{{"type":"row","title":{title},"collapsed":false,"panels":[],"gridPos":{{"x":0,"y":{y},"w":{WIDTH},"h":{TITLE}}}}}"#
        ));
        y += TITLE;
        for next_to_each_other in row.panels.chunks(WIDTH / PANEL.0) {
            let x = (0..).step_by(PANEL.0);
            let placed = next_to_each_other.iter().zip(x);
            panels.extend(placed.map(|(panel, x)| panel.json(x, y)));
            y += PANEL.1;
        }
    }
    format!(
        r#"{{
"title":"OpenSIPS",
"uid":"opensips-exporter",
"tags":["opensips","kamailio","sip"],
"schemaVersion":39,
"editable":true,
"graphTooltip":1,
"refresh":"30s",
"time":{{"from":"now-6h","to":"now"}},
"templating":{{"list":[
{{"name":"datasource","label":"Data source","type":"datasource","query":"prometheus"}},
{{"name":"instance","label":"Server","type":"query","datasource":{SOURCE},"definition":"label_values(opensips_up, instance)","query":{{"query":"label_values(opensips_up, instance)","refId":"instance"}},"refresh":2,"sort":1,"multi":true,"includeAll":true,"allValue":".*","current":{{"text":"All","value":"$__all"}}}}
]}},
"panels":[
{}
]
}}
"#,
        numbered(panels)
    )
}

/// `panels`, each with a number of its own.
fn numbered(panels: Vec<String>) -> String {
    let panels = panels.iter().enumerate();
    let panels = panels.map(|(id, panel)| panel.replacen('{', &format!("{{\"id\":{},", id + 1), 1));
    panels.collect::<Vec<_>>().join(",\n")
}

impl Panel {
    fn json(&self, x: usize, y: usize) -> String {
        let (width, height) = PANEL;
        let (kind, options) = match self.shape {
            Shape::Stat => (
                "stat",
                r#""options":{"reduceOptions":{"calcs":["lastNotNull"]},"colorMode":"none"}"#,
            ),
            Shape::Lines => (
                "timeseries",
                r#""options":{"legend":{"displayMode":"list","placement":"bottom"},"tooltip":{"mode":"multi","sort":"desc"}}"#,
            ),
            Shape::Table => (
                "table",
                r#""transformations":[{"id":"organize","options":{"excludeByName":{"Time":true,"Value":true,"__name__":true,"job":true}}}]"#,
            ),
            Shape::UpOrDown => ("state-timeline", r#""options":{"showValue":"never"}"#),
        };
        let mappings = match self.shape {
            Shape::UpOrDown => {
                r#","mappings":[{"type":"value","options":{"0":{"text":"down","color":"red"},"1":{"text":"up","color":"green"}}}]"#
            }
            _ => "",
        };
        let is_table = matches!(self.shape, Shape::Table);
        let mut targets = String::new();
        for ((expression, legend), id) in self.queries.iter().zip('A'..) {
            // A write to a String cannot fail.
            let _ = write!(
                targets,
                r#"{}{{"refId":"{id}","datasource":{SOURCE},"expr":{},"legendFormat":{},"instant":{is_table},"range":{},"format":"{}"}}"#,
                if targets.is_empty() { "" } else { "," },
                string(expression),
                string(legend),
                !is_table,
                if is_table { "table" } else { "time_series" },
            );
        }
        format!(
            r#"{{"type":"{kind}","title":{},"datasource":{SOURCE},"gridPos":{{"x":{x},"y":{y},"w":{width},"h":{height}}},"fieldConfig":{{"defaults":{{"unit":"{}"{mappings}}},"overrides":[]}},{options},"targets":[{targets}]}}"#,
            string(self.title),
            self.unit,
        )
    }
}
