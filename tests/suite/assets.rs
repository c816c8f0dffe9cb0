//! The dashboard and the rules go with the metrics: no name that is not there, none that nobody
//! looks at.

use std::collections::BTreeSet;

use opensips_exporter::assets::dashboard::{UID, rows};
use opensips_exporter::config::ASSETS;
use opensips_exporter::families::FAMILIES;
use opensips_exporter::processors::{PROCESSORS, Processor, UNCLAIMED};

/// What neither the dashboard nor a rule uses: modules that few servers load, and what says the
/// same twice. Those that end with `_` stand for all that begin so.
const UNUSED: &[&str] = &[
    "opensips_cachedb_redis_",
    "opensips_call_center_abandoned_calls_total",
    "opensips_call_center_agent_abandoned_calls_total",
    "opensips_call_center_agent_answered_calls_total",
    "opensips_call_center_agent_answered_chats_total",
    "opensips_call_center_agent_average_talk_seconds",
    "opensips_call_center_agent_distributed_calls_total",
    "opensips_call_center_answered_calls_total",
    "opensips_call_center_answered_chats_total",
    "opensips_call_center_average_wait_seconds",
    "opensips_call_center_calls_total",
    "opensips_call_center_distributed_calls_total",
    "opensips_call_center_flow_answered_calls_total",
    "opensips_call_center_flow_answered_chats_total",
    "opensips_call_center_flow_average_call_duration_seconds",
    "opensips_call_center_flow_average_wait_seconds",
    "opensips_call_center_flow_distributed_calls_total",
    "opensips_call_center_flow_estimated_wait_seconds",
    "opensips_call_center_flow_free_agents",
    "opensips_call_center_flow_load_percent",
    "opensips_call_center_flow_logged_in_agents",
    "opensips_call_center_flow_ongoing_calls",
    "opensips_call_center_flow_processed_calls_total",
    "opensips_call_center_flow_waiting_chats",
    "opensips_call_center_free_agents",
    "opensips_call_center_load_percent",
    "opensips_call_center_waiting_calls",
    "opensips_call_center_waiting_chats",
    "opensips_clusterer_capability_enabled",
    "opensips_clusterer_links",
    "opensips_clusterer_node_enabled",
    "opensips_clusterer_nodes",
    "opensips_core_received_replies_by_",
    "opensips_core_request",
    "opensips_dispatcher_destination_priority",
    "opensips_dispatcher_destination_timeouts_total",
    "opensips_dispatcher_destination_weight",
    "opensips_dmq_node_failures",
    "opensips_htable_fullest_slot_items",
    "opensips_htable_slots",
    "opensips_imc_active_rooms",
    "opensips_lcr_gateway_defunct_until_timestamp_seconds",
    "opensips_load_10m",
    "opensips_load_all",
    "opensips_load_all_10m",
    "opensips_load_core",
    "opensips_load_core_10m",
    "opensips_load_process",
    "opensips_msilo_",
    "opensips_nat_traversal_",
    "opensips_pipelimit_requests",
    "opensips_pkmem_fragments",
    "opensips_pkmem_free_size",
    "opensips_pkmem_max_used_size",
    "opensips_pkmem_used_size",
    "opensips_registrar_default_expire",
    "opensips_registrar_expires_range",
    "opensips_registrar_max_contacts",
    "opensips_registrar_max_expires",
    "opensips_rpmem_",
    "opensips_rtpengine_node_weight",
    "opensips_rtpproxy_node_weight",
    "opensips_shmem_free_size",
    "opensips_shmem_group_",
    "opensips_shmem_used_size",
    "opensips_sipcapture_",
    "opensips_siptrace_",
    "opensips_sl_received_ACKs",
    "opensips_sl_sent_replies_total",
    "opensips_sl_xxx_replies",
    "opensips_snmpstats_replies_total",
    "opensips_sst_expired_dialogs_total",
    "opensips_status_report_identifier_status",
    "opensips_tcp_established_total",
    "opensips_tcp_readers",
    "opensips_tls_",
    "opensips_tm_cluster_messages_total",
    "opensips_tmx_UAC_transactions",
    "opensips_tmx_UAS_transactions",
    "opensips_rtpengine_node_enabled",
    "opensips_rtpproxy_node_enabled",
    "opensips_tracer_",
    "opensips_uac_disabled_registrations",
    "opensips_uac_registrant_registration_enabled",
    "opensips_uac_registrations",
    "opensips_uri_",
    "opensips_userloc_registered_users_total",
    "opensips_websocket_ended_connections_total",
    "opensips_websocket_frames_total",
    "opensips_websocket_handshakes_total",
    "opensips_websocket_max_connections",
    "opensips_websocket_subprotocol_",
];

/// The names of all metrics but those of the exporter itself.
fn produced() -> BTreeSet<&'static str> {
    let families = FAMILIES.iter().map(|row| &row.0).chain([&UNCLAIMED.family]);
    let of_statistics = PROCESSORS.iter().flat_map(|processor| processor.metrics);
    let of_states = PROCESSORS.iter().flat_map(Processor::state_metrics);
    families
        .map(|family| family.name)
        .chain(of_statistics.map(|metric| metric.family.name))
        .chain(of_states.map(|metric| metric.family.name))
        .collect()
}

/// The names that begin like metrics in the expressions of the dashboard and in the rules.
fn used() -> BTreeSet<String> {
    let panels: Vec<_> = rows().into_iter().flat_map(|row| row.panels).collect();
    let queries = panels.iter().flat_map(|panel| &panel.queries);
    let expressions = queries.map(|(expression, _)| expression.as_str());
    let rules = ASSETS
        .iter()
        .find(|asset| asset.name == "alerts")
        .expect("rules");
    let rules = rules.text();
    // Names that rules record have colons, and the program is no metric.
    let lines = rules
        .lines()
        .filter(|line| !line.contains("opensips_exporter "));
    let texts: Vec<&str> = expressions.chain(lines).collect();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = texts.iter().flat_map(|text| text.split(|c| !is_part(c)));
    let names = words.filter(|word| word.starts_with("opensips_") && !word.ends_with('_'));
    names.map(str::to_string).collect()
}

#[test]
fn no_expression_names_a_metric_that_is_not_there() {
    let produced = produced();
    let own = [
        "opensips_exporter_build_info",
        "opensips_exporter_http_rejected_total",
        // Groups of rules and the program.
        "opensips_alerts",
        "opensips_thresholds",
        "opensips_records",
        "opensips_exporter",
    ];
    for name in used() {
        let is_known = produced.contains(name.as_str()) || own.contains(&name.as_str());
        assert!(is_known, "{name} is in no table of metrics");
    }
}

#[test]
fn no_metric_is_forgotten() {
    let used = used();
    let is_unused = |name: &str| {
        let mut unused = UNUSED.iter();
        unused.any(|of| name == *of || (of.ends_with('_') && name.starts_with(of)))
    };
    for name in produced() {
        // One rule is for all of these.
        let is_up = name.ends_with("_up");
        let is_state = name.ends_with("_state");
        assert!(
            used.contains(name) || is_up || is_state || is_unused(name),
            "{name} is neither on the dashboard nor in a rule nor among the exceptions"
        );
    }
    for name in UNUSED.iter().filter(|name| !name.ends_with('_')) {
        assert!(!used.contains(*name), "{name} is used and an exception");
    }
}

#[test]
fn the_dashboard_is_json_of_known_panels() {
    let asset = ASSETS
        .iter()
        .find(|asset| asset.name == "dashboard")
        .expect("it");
    let json: serde_json::Value = serde_json::from_str(&asset.text()).expect("JSON");
    let panels = json["panels"].as_array().expect("panels");
    let folded = panels.iter().flat_map(|row| row["panels"].as_array());
    let panels: Vec<_> = panels.iter().chain(folded.flatten()).collect();
    let mut ids = BTreeSet::new();
    let mut places = BTreeSet::new();
    for panel in &panels {
        assert!(ids.insert(panel["id"].as_u64().expect("a number")));
        let at = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
        assert!(at("x") + at("w") <= 24);
        assert!(places.insert((at("x"), at("y"))), "two panels at one place");
        let kind = panel["type"].as_str().expect("a type");
        assert!(["row", "stat", "timeseries", "table", "state-timeline"].contains(&kind));
        let description = panel["description"].as_str().unwrap_or_default();
        assert!(kind == "row" || description.ends_with('.'), "{panel}");
        // What has colours has them by a table, or none.
        let defaults = &panel["fieldConfig"]["defaults"];
        assert_eq!(
            kind == "state-timeline",
            kind != "stat" && defaults["mappings"].is_array(),
            "{panel}"
        );
        let steps = &defaults["thresholds"]["steps"];
        assert!(
            kind == "row" || steps.as_array().is_some_and(|steps| steps.len() == 1),
            "{panel}"
        );
        // What a panel says of now must not come from a server that has gone since.
        let is_of_now = ["stat", "table"].contains(&kind);
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["instant"], is_of_now, "{panel}");
            assert_eq!(target["range"], !is_of_now, "{panel}");
        }
    }
    let titles: Vec<_> = panels
        .iter()
        .filter(|panel| panel["type"] == "row")
        .collect();
    assert_eq!(titles.len(), rows().len());
    let folded = titles.iter().filter(|row| row["collapsed"] == true);
    assert_eq!(folded.count(), titles.len() - 1);
    for panel in rows().iter().flat_map(|row| &row.panels) {
        assert!(
            !panel.unit.is_empty() && !panel.queries.is_empty(),
            "{panel:?}"
        );
    }
}

/// Who is woken by an alert is told what to do and sees the panel, and who sees the panel the
/// alert.
#[test]
fn each_alert_has_a_runbook_and_a_panel() {
    let text = |name: &str| {
        let mut assets = ASSETS.iter();
        assets.find(|asset| asset.name == name).expect("it").text()
    };
    let (rules, dashboard) = (text("alerts"), text("dashboard"));
    let panels: Vec<_> = rows().into_iter().flat_map(|row| row.panels).collect();
    let mut alerts: Vec<&str> = rules.split("\n      - alert: ").collect();
    alerts.remove(0);
    let mut names = BTreeSet::new();
    for alert in alerts {
        let (name, rule) = alert.split_once('\n').expect("its rule");
        assert!(rule.contains("\n          runbook: \""), "{name}");
        let link = rule.split("viewPanel=").nth(1);
        let id = link.and_then(|link| link.split('&').next()?.parse().ok());
        let panel = panels
            .iter()
            .find(|panel| panel.alerts().any(|of| of == name));
        let panel = panel.unwrap_or_else(|| panic!("no panel names {name}"));
        assert_eq!(id, Some(panel.id), "{name} has another panel");
        assert!(rule.contains(&format!("dashboard: \"/d/{UID}?viewPanel=")));
        let (id, link) = (panel.id, format!("/alerting/list?search={name}"));
        let json = dashboard
            .lines()
            .find(|line| line.contains(&format!("\"id\":{id},")));
        assert!(json.is_some_and(|json| json.contains(&link)), "{name}");
        names.insert(name);
    }
    let named = panels.iter().flat_map(|panel| panel.alerts());
    assert_eq!(named.collect::<BTreeSet<_>>(), names);
}

/// Nothing starts with a group that does not exist, and no reply comes over a FIFO where `/tmp` is
/// another one than that of the server.
#[test]
fn the_unit_has_the_groups_that_there_are_and_sees_the_tmp_of_all() {
    let unit = ASSETS.iter().find(|asset| asset.name == "unit");
    let unit = unit.expect("it").text();
    let set = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name));
    assert_eq!(set("DynamicUser="), Some("yes"));
    assert_eq!(set("BindPaths="), Some("/tmp"));
    let all = std::fs::read_to_string("/etc/group").expect("the groups");
    let groups = ["opensips", "kamailio"].into_iter();
    let groups = groups.filter(|group| all.lines().any(|it| it.starts_with(&format!("{group}:"))));
    let groups = groups.collect::<Vec<_>>().join(" ");
    assert_eq!(set("SupplementaryGroups="), Some(groups.as_str()));
    assert_eq!(set("Group="), None);
}
