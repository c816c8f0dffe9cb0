//! Beside a real Prometheus, which scrapes a server of each version. `make e2e` runs this; it needs
//! the Debian packages prometheus and kamailio.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::real_kamailio::{Kamailio, free_port};
use crate::support::stand_in::{KAMAILIO, KAMAILIO_6_1, StandIn, V1_11, V2_4, V3_6, V4_0};
use crate::support::{Exporter, TempDir, fixture};
use opensips_exporter::assets::dashboard::rows;
use opensips_exporter::config::ASSETS;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What the captured servers did not have: connections, blacklists, and a cluster with capabilities
/// and sharing tags.
const NOT_CAPTURED: &[(&str, &str)] = &[
    (
        "tcp:list",
        r#"{"Connections":[{"ID":1,"Type":"tcp","State":0,"Remote":"192.0.2.1:5060"}]}"#,
    ),
    (
        "blacklists:list",
        r#"{"Lists":[{"name":"net","owner":"core","Rules":[{"IP":"192.0.2.1"}]}]}"#,
    ),
    (
        "clusterer:list_cap",
        r#"{"Clusters":[{"cluster_id":1,"Capabilities":[{"name":"usrloc","state":"Ok"}]}]}"#,
    ),
    (
        "clusterer:list_shtags",
        r#"[{"Tag":"vip","Cluster":1,"State":"active"}]"#,
    ),
    (
        "call_center:list_queue",
        r#"{"Calls":[{"index":0,"Waiting for":12,"Flow":"sales"}]}"#,
    ),
    (
        "qrouting:status",
        r#"{"Partitions":[{"Name":"p","Rules":[{"Id":7,"Destinations":[{"Gateway":{"GWID":"g","ASR":"0.50/12","CCR":"1.00/12","PDD":"1500.00/12","AST":"2000.00/12","ACD":"61.00/6"}}]}]}]}"#,
    ),
    ("sockets_mgm:list", r#"[{"socket":"udp:192.0.2.1:5060"}]"#),
    (
        "db_virtual:get",
        r#"{"SETS":[{"index":0,"can":1}],"DBS":[{}]}"#,
    ),
    (
        "cachedb_redis:cluster_info",
        r#"[{"group":"g","nodes":[{"ip":"192.0.2.1","port":6379,"status":"connected"}]}]"#,
    ),
];

/// What the dashboard asks for that is published for the Go exporter, and the labels that it shows
/// of the answer.
fn published() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(fixture("dashboard_6935.tsv")).expect("the list");
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let query = |row: &str| {
        let mut fields = row.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        let (metric, function, labels) = (field(), field(), field());
        let series = format!(r#"{metric}{{job="opensips",instance=~".+",process=~".*"}}"#);
        let query = match function {
            "value" => series,
            function => format!("{function}({series}[1m])"),
        };
        let labels = labels.split(',').filter(|label| !label.is_empty());
        (query, labels.map(str::to_string).collect())
    };
    rows.map(query).collect()
}

struct Prometheus {
    child: Child,
    port: u16,
}

impl Prometheus {
    /// Scrapes these addresses every second.
    fn start(directory: &TempDir, targets: &[String]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let rules = ASSETS
            .iter()
            .find(|asset| asset.name == "alerts")
            .expect("rules");
        fs::write(directory.join("rules.yml"), rules.text()).expect("the rules");
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [rules.yml]\n\
             scrape_configs:\n\
             - job_name: opensips\n\
             \x20 static_configs:\n\
             \x20 - targets: {targets:?}\n"
        );
        let path = directory.join("prometheus.yml");
        fs::write(&path, configuration).expect("the configuration");
        let log = fs::File::create(directory.join("prometheus.log")).expect("a log");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus: install the Debian package prometheus");
        Prometheus { child, port }
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str(body).ok()
    }

    /// The series that `expression` gives now, each with its labels and value.
    fn query(&self, expression: &str) -> Vec<Value> {
        let encoded = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let Some(answer) = self.get(&format!("/api/v1/query?query={encoded}")) else {
            return Vec::new();
        };
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// The value of `expression`, if it is one.
    fn value(&self, expression: &str) -> Option<String> {
        match self.query(expression).as_slice() {
            [one] => Some(one["value"][1].as_str()?.to_string()),
            _ => None,
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits longer than other tests do: Prometheus takes its time to start.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "needs the Debian package prometheus: make e2e"]
fn prometheus_scrapes_every_version_and_knows_every_expression() {
    let directory = TempDir::new();
    let flags = [
        "--collect=all,tcp_connections,call_center_queue,rtp_relay,qrouting",
        "--dialog-profiles=caller,inbound",
    ];
    let versions = [V1_11, V2_4, V3_6, V4_0, KAMAILIO, KAMAILIO_6_1];
    let servers = versions.map(|version| {
        let captured = fixture(&format!("{}/get_statistics_all.reply", version.name));
        let reply = fs::read(captured).expect("the captured reply");
        let socket = directory.join(&format!("{}.sock", version.name));
        let server = StandIn::start(&socket, version, &reply);
        server.load_modules();
        let captured = fs::read(fixture("4.0/cmd_which.reply")).expect("the captured list");
        let captured: Value = serde_json::from_slice(&captured).expect("JSON");
        let listed = captured["result"].as_array().expect("a list").iter();
        let listed = listed.filter_map(Value::as_str);
        let others = NOT_CAPTURED.iter().map(|(command, _)| *command);
        let which = serde_json::json!(listed.chain(others).collect::<Vec<_>>()).to_string();
        for (command, answer) in NOT_CAPTURED {
            if version.name == V4_0.name {
                server.teach(command, answer);
                server.teach("which", &which);
            }
        }
        (server, Exporter::start(&socket, &flags))
    });
    // A real one beside the stand-ins.
    let of_kamailio = TempDir::new();
    let destination = ["sip:127.0.0.1:9".to_string()];
    let _kamailio = Kamailio::start_with(&of_kamailio, free_port(), &destination, &[]);
    let real = Exporter::start(&of_kamailio.join("mi.sock"), &[]);
    let exporters = servers.iter().map(|(_, exporter)| exporter).chain([&real]);
    let targets: Vec<String> = exporters
        .map(|exporter| exporter.address.to_string())
        .collect();
    let prometheus = Prometheus::start(&directory, &targets);
    let count = targets.len().to_string();
    let is = |expression: &str, value: &str| prometheus.value(expression).as_deref() == Some(value);
    wait_until(
        "all targets are up, and were scraped more than twice",
        || {
            is(
                "count(opensips_up == 1 and count_over_time(up[1m]) > 3)",
                &count,
            )
        },
    );
    assert_eq!(prometheus.value("sum(up)").as_deref(), Some(count.as_str()));
    let (of_3_6, series) = (&targets[2], "opensips_core_requests_total");
    let captured = r#"{instance="INSTANCE"}"#.replace("INSTANCE", of_3_6);
    let page = servers[2].1.scrape();
    let expected = page.value(series, &[]).expect("the requests");
    assert!(is(&format!("{series}{captured}"), expected));

    let panels = rows().into_iter().flat_map(|row| row.panels);
    for (expression, _) in panels.flat_map(|panel| panel.queries) {
        let asked = expression
            .replace("$instance", ".*")
            .replace("$job", ".*")
            .replace("$__rate_interval", "1m");
        assert!(!prometheus.query(&asked).is_empty(), "{asked}");
    }
    for (asked, labels) in published() {
        let found = prometheus.query(&asked);
        assert!(!found.is_empty(), "{asked}");
        for (series, label) in found
            .iter()
            .flat_map(|it| labels.iter().map(move |l| (it, l)))
        {
            assert!(series["metric"][label].is_string(), "{asked}: {series}");
        }
    }
    let answer = prometheus.get("/api/v1/rules").expect("rules");
    for group in answer["data"]["groups"].as_array().expect("groups") {
        for rule in group["rules"].as_array().expect("rules") {
            assert_eq!(rule["health"], "ok", "{rule}");
        }
    }
    let recorded = prometheus.query(r#"{__name__=~"instance.*:opensips_.*"}"#);
    assert!(recorded.len() > versions.len());
    let down = prometheus.query(r#"ALERTS{alertname=~"Opensips(Peer|Set)Down"}"#);
    assert!(down.len() > versions.len(), "{down:?}");
    // The real one was started just now, and its peers are not there.
    let real = targets.last().expect("an address");
    for expected in [
        r#"ALERTS{alertname="OpensipsRestarted",instance="REAL"}"#,
        r#"ALERTS{alertname=~"Opensips(Peer|Set)Down",instance="REAL",kind="dispatcher_destination"}"#,
        r#"ALERTS{alertname=~"Opensips(Peer|Set)Down",instance="REAL",kind="rtpengine_node"}"#,
        r#"instance_pid:opensips_pkmem_used:ratio{instance="REAL",pid="1"}"#,
        r#"opensips_dmq_node_up{instance="REAL"}"#,
    ] {
        let expected = expected.replace("REAL", real);
        wait_until(&expected, || !prometheus.query(&expected).is_empty());
    }
    for kind in [
        "uac_registrant_registration",
        "dispatcher_destination",
        "rtpengine_node",
    ] {
        let of_kamailio = &targets[5];
        let query = format!(
            r#"ALERTS{{alertname=~"Opensips(Peer|Set)Down",instance="{of_kamailio}",kind="{kind}"}}"#
        );
        assert!(!prometheus.query(&query).is_empty(), "{query}");
    }

    // A server that dies and comes back.
    let [_, _, (server, _), ..] = servers;
    let up = format!("opensips_up{captured}");
    server.stop();
    wait_until("it is down", || is(&up, "0"));
    assert!(is(&format!("up{captured}"), "1"));
    let reply = fs::read(fixture("3.6/get_statistics_all.reply")).expect("the captured reply");
    let _server = StandIn::start(&directory.join("3.6.sock"), V3_6, &reply);
    wait_until("it is up again", || is(&up, "1"));

    let answer = prometheus.get("/api/v1/targets").expect("targets");
    for target in answer["data"]["activeTargets"].as_array().expect("targets") {
        assert_eq!(target["lastError"], "", "{target}");
        assert_eq!(target["health"], "up");
    }
}
