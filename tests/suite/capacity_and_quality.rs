//! States that no captured server had: replies as the sources of the modules write them.

use crate::support::modules::{exporter, samples, success};
use crate::support::stand_in::{KAMAILIO, V1_11, V2_4, V3_6, V4_0, Version};

const FLAGS: &[&str] =
    &["--collect=all,call_center_queue,qrouting,rtp_relay,uac_registrant_states"];

/// Asserts what becomes of the `answer` to `command`, the only one that the server has.
fn check(version: Version, command: &str, answer: &str, family: &str, expected: &[&str]) {
    let (_directory, _server, exporter) = exporter(version, FLAGS, |server| {
        server.teach_only(command, answer);
    });
    let page = exporter.scrape();
    assert_eq!(samples(&page, family), expected, "{command}: {family}");
    assert!(!exporter.get("/metrics").text().contains("secret"));
}

/// In JSON the databases are members of the set with equal names.
#[test]
fn databases_are_counted_without_their_urls() {
    let expected = &[
        "set=0,state=usable 1",
        "set=0,state=unusable 1",
        "set=1,state=usable 1",
        "set=1,state=unusable 0",
    ];
    check(
        V2_4,
        "db_get",
        "SET::  i=0 name=set1 mode=FAILOVER\n\tDB::  j=0 name=mysql://u:secret@a/d can=1 may=1 r_rec=0\n\tDB::  j=1 name=mysql://u:secret@b/d can=0 may=1 r_rec=0\nSET::  i=1 name=set2 mode=ROUND\n\tDB::  j=0 name=mysql://u:secret@c/d can=1 may=1 r_rec=0\n",
        "opensips_db_virtual_databases",
        expected,
    );
    check(
        V3_6,
        "db_get",
        r#"{"SETS":[{"index":0,"name":"set1","mode":"FAILOVER","index":0,"name":"mysql://u:secret@a/d","can":1,"may":1,"r_rec":0,"index":0,"name":"mysql://u:secret@b/d","can":0,"may":1,"r_rec":0},{"index":1,"name":"set2","mode":"ROUND","index":1,"name":"mysql://u:secret@c/d","can":1,"may":1,"r_rec":0}],"DBS":[{},{}],"DBS":[{}]}"#,
        "opensips_db_virtual_databases",
        expected,
    );
}

#[test]
fn the_queue_has_a_length_and_a_longest_wait_for_each_flow() {
    for (version, answer) in [
        (
            V2_4,
            "Call:: 0 Waiting for=12 ETW=3\n\tFlow:: sales Priority=1 Skill=a\nCall:: 1 Waiting for=5 ETW=3\n\tFlow:: sales Priority=1 Skill=a\n",
        ),
        (
            V3_6,
            r#"{"Calls":[{"index":0,"id":"x","Waiting for":12,"ETW":3,"Flow":"sales"},{"index":1,"id":"y","Waiting for":5,"ETW":3,"Flow":"sales"}]}"#,
        ),
    ] {
        for (family, value) in [
            ("opensips_call_center_queue_calls", "flow=sales 2"),
            (
                "opensips_call_center_queue_longest_wait_seconds",
                "flow=sales 12",
            ),
        ] {
            check(version, "cc_list_queue", answer, family, &[value]);
        }
    }
}

#[test]
fn gateways_have_a_quality_where_there_are_samples() {
    let answer = r#"{"Partitions":[{"Name":"p","Rules":[{"Id":7,"Destinations":[
        {"Gateway":{"GWID":"g1","ASR":"0.50/12","CCR":"1.00/12","PDD":"1500.00/12","AST":"-1.00/0","ACD":"61.00/6"}},
        {"Carrier":{"CRID":"c","Gateways":[{"GWID":"g2","ASR":"0.25/8","CCR":"-1.00/0","PDD":"-1.00/0","AST":"-1.00/0","ACD":"-1.00/0"}]}}
    ]}]}]}"#
        .replace('\n', "");
    let g1 = "gateway=g1,partition=p,rule=7";
    for (family, expected) in [
        (
            "answer_seizure_ratio",
            vec![
                format!("{g1} 0.5"),
                "carrier=c,gateway=g2,partition=p,rule=7 0.25".to_string(),
            ],
        ),
        ("post_dial_delay_seconds", vec![format!("{g1} 1.5")]),
        ("setup_seconds", vec![]),
        ("call_duration_seconds", vec![format!("{g1} 61")]),
    ] {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        let family = format!("opensips_qrouting_{family}");
        check(V3_6, "qr_status", &answer, &family, &expected);
    }
}

#[test]
fn nodes_of_redis_are_connected_or_not() {
    let answer = r#"[{"group":"g","url":"redis:g://:secret@h:6379/","mode":"cluster","nodes":[{"ip":"192.0.2.1","port":6379,"status":"connected","queries":5,"errors":1},{"socket_path":"/run/redis","status":"disconnected","queries":0,"errors":2}]}]"#;
    let expected = ["group=g,node=192.0.2.1:6379 1", "group=g,node=/run/redis 0"];
    let family = "opensips_cachedb_redis_node_connected";
    check(V3_6, "redis_cluster_info", answer, family, &expected);
}

/// The process that answers says so in words.
#[test]
fn a_server_without_a_connection_to_redis_is_no_failure() {
    for (answer, expected) in [("\"No redis connections\"", "1"), ("\"other\"", "0")] {
        let (_directory, _server, exporter) = exporter(V4_0, FLAGS, |server| {
            server.teach("cachedb_redis:cluster_info", answer);
            server.teach("which", r#"["cachedb_redis:cluster_info"]"#);
        });
        let success = success(&exporter.scrape(), "cachedb_redis");
        assert_eq!(success.as_deref(), Some(expected), "{answer}");
    }
}

/// The script can make a pipe for each caller.
#[test]
fn many_pipes_are_counted_and_not_shown() {
    for (version, command, opening, closing, family) in [
        (
            V3_6,
            "rl_list",
            r#"{"Pipes":["#,
            r#"],"drop_rate":1}"#,
            "ratelimit",
        ),
        (KAMAILIO, "pl.list", "[", "]", "pipelimit"),
    ] {
        for (count, shown) in [(0, 0), (100, 100), (101, 0)] {
            let pipe = |number| {
                format!(
                    r#"{{"id":"{number}","name":"{number}","algorithm":"RED","limit":9,"counter":1}}"#
                )
            };
            let pipes = (0..count).map(pipe).collect::<Vec<_>>().join(",");
            let (_directory, _server, exporter) = exporter(version, FLAGS, |server| {
                server.teach(command, &format!("{opening}{pipes}{closing}"));
            });
            let page = exporter.scrape();
            let of = |what: &str| samples(&page, &format!("opensips_{family}_{what}"));
            let number = (count > 0).then(|| format!(" {count}"));
            assert_eq!(of("pipes"), Vec::from_iter(number));
            assert_eq!(of("limit").len(), shown);
            assert_eq!(of("requests").len(), shown);
        }
    }
}

#[test]
fn calls_and_sockets_are_counted_also_where_there_are_none() {
    for (command, answer, family, expected) in [
        (
            "rtp_relay_list",
            r#"[{"callid":"a"},{"callid":"b"}]"#,
            "opensips_rtp_relay_calls",
            " 2",
        ),
        ("rtp_relay_list", "[]", "opensips_rtp_relay_calls", " 0"),
        (
            "sockets_list",
            r#"[{"socket":"udp:192.0.2.1:5060"}]"#,
            "opensips_sockets_mgm_sockets",
            " 1",
        ),
        (
            "trace",
            r#"{"global":"on"}"#,
            "opensips_tracer_enabled",
            " 1",
        ),
        (
            "mq_get_sizes",
            r#"{"Queue":[{"name":"q","size":3}]}"#,
            "opensips_mqueue_items",
            "queue=q 3",
        ),
    ] {
        check(V3_6, command, answer, family, &[expected]);
    }
}

/// An empty object is no number of calls, and an error is none either.
#[test]
fn what_has_another_form_is_no_success() {
    let (_directory, _server, exporter) = exporter(V3_6, FLAGS, |server| {
        server.teach("rtp_relay_list", "\"text\"");
    });
    assert_eq!(
        success(&exporter.scrape(), "rtp_relay").as_deref(),
        Some("0")
    );
}

/// There may be thousands of registrations: the states that they are not in are on request.
#[test]
fn a_registration_has_one_state_or_all() {
    for (version, flags, registrations, states) in [
        (V3_6, &[][..], 2, 1),
        (V3_6, FLAGS, 2, 10),
        (KAMAILIO, &[][..], 3, 1),
        (KAMAILIO, FLAGS, 3, 4),
    ] {
        let (_directory, _server, exporter) = exporter(version, flags, |_| {});
        let shown = samples(
            &exporter.scrape(),
            "opensips_uac_registrant_registration_state",
        );
        assert_eq!(shown.len(), registrations * states, "{shown:?}");
        let current = shown.iter().filter(|line| line.ends_with(" 1"));
        assert_eq!(current.count(), registrations, "{shown:?}");
    }
}

#[test]
fn all_dialog_profiles_are_those_that_the_server_lists() {
    for version in [V1_11, V2_4, V3_6, V4_0] {
        let flags = ["--dialog-profiles=all"];
        let (_directory, server, exporter) = exporter(version, &flags, |_| {});
        let page = exporter.scrape();
        let profiles = samples(&page, "opensips_dialog_profile_dialogs");
        assert!(
            profiles
                .iter()
                .any(|line| line.starts_with("profile=inbound ")),
            "{profiles:?}"
        );
        assert_eq!(server.times("profile_get_size"), 7, "{}", version.name);
    }
}

/// Without the list nobody knows what is missing.
#[test]
fn a_list_of_profiles_that_cannot_be_read_is_a_failure() {
    let flags = ["--dialog-profiles=all"];
    let (_directory, _server, exporter) = exporter(V3_6, &flags, |server| {
        let error = r#""error":{"code":500,"message":"trouble"}"#;
        server.teach("list_all_profiles", error);
    });
    let page = exporter.scrape();
    assert_eq!(success(&page, "dialog").as_deref(), Some("0"));
    assert!(!exporter.logged("list_all_profiles").is_empty());
}

#[test]
fn a_dialog_profile_is_counted_by_value() {
    for version in [V2_4, V3_6] {
        let flags = ["--dialog-profiles=caller/sipp,caller"];
        let (_directory, _server, exporter) = exporter(version, &flags, |server| {
            server.teach(
                ":profile_get_size:\ncaller\nsipp\n",
                "profile::  name=caller value=sipp count=15 shared=no replicated=no\n",
            );
            server.teach(
                r#"profile_get_size{"profile":"caller","value":"sipp"}"#,
                r#"{"Profile":{"name":"caller","value":"sipp","count":15}}"#,
            );
        });
        let profiles = samples(&exporter.scrape(), "opensips_dialog_profile_dialogs");
        assert_eq!(profiles[0], "profile=caller/sipp 15", "{profiles:?}");
        assert_eq!(profiles.len(), 2);
    }
}
