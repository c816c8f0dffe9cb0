//! What Kamailio answers to commands, and the oddities of that.

use crate::support::binary;
use crate::support::modules::{exporter, samples, success};
use crate::support::stand_in::{KAMAILIO, KAMAILIO_6_1, V4_0};

#[test]
fn the_destinations_of_kamailio_differ_by_socket_and_are_up_without_pings() {
    let (_directory, _server, exporter) = exporter(KAMAILIO, &[], |server| {
        server.teach(
            "dispatcher.list",
            r#"{"NRSETS":1,"RECORDS":[{"SET":{"ID":1,"TARGETS":[
                {"DEST":{"URI":"sip:x","FLAGS":"IP","PRIORITY":0,"ATTRS":{"BODY":"","SOCKET":"udp:192.0.2.1:5060"}}},
                {"DEST":{"URI":"sip:x","FLAGS":"AN","PRIORITY":0,"ATTRS":{"BODY":"","SOCKET":"udp:192.0.2.2:5060"}}},
                {"DEST":{"URI":"sip:y","FLAGS":"TX","PRIORITY":0}}]}}]}"#,
        );
    });
    assert_eq!(
        samples(&exporter.scrape(), "opensips_dispatcher_destination_up"),
        [
            "set=1,socket=udp:192.0.2.1:5060,uri=sip:x 0",
            "set=1,socket=udp:192.0.2.2:5060,uri=sip:x 1",
            "set=1,uri=sip:y 1"
        ]
    );
}

/// What Kamailio answers to a command, also where there is one thing or none, and the samples.
#[test]
fn replies_of_kamailio_are_read() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        (
            "dispatcher.list",
            r#"{"RECORDS":[{"SET":{"ID":1,"TARGETS":[{"DEST":{"URI":"sip:x","FLAGS":"AP","IUID":"a-1","LATENCY":{"AVG":5.5,"TIMEOUT":3}}}]}}]}"#,
            "opensips_dispatcher_destination_latency_seconds",
            &["set=1,statistic=average,uri=sip:x 0.0055"],
        ),
        (
            "rtpengine.show[\"all\"]",
            r#"[{"url":"a","set":1,"disabled":true,"active":true},{"url":"b","set":1,"disabled":false,"active":false},{"url":"c","set":1,"disabled":false,"active":true}]"#,
            "opensips_rtpengine_node_up",
            &["node=a,set=1 0", "node=b,set=1 0", "node=c,set=1 1"],
        ),
        (
            "rtpengine.show[\"all\"]",
            r#"[{"url":"a","set":1,"disabled":1},{"url":"b","set":1,"disabled":0}]"#,
            "opensips_rtpengine_node_up",
            &["node=a,set=1 0", "node=b,set=1 1"],
        ),
        // Somebody switched it off.
        (
            "rtpengine.show[\"all\"]",
            r#"[{"url":"a","set":1,"disabled":"1(permanent)","recheck_ticks":"N/A"}]"#,
            "opensips_rtpengine_node_state",
            &[
                "node=a,set=1,state=enabled 0",
                "node=a,set=1,state=disabled 1",
                "node=a,set=1,state=inactive 0",
            ],
        ),
        (
            "rtpengine.show[\"all\"]",
            r#"[{"url":"a","set":1,"disabled":"1(permanent)","recheck_ticks":"N/A"},{"url":"b","set":1,"disabled":1,"recheck_ticks":57}]"#,
            "opensips_rtpengine_node_enabled",
            &["node=a,set=1 0", "node=b,set=1 1"],
        ),
        (
            "rtpproxy.list",
            r#"[{"url":"a","setid":1,"disabled":1,"recheck":-1},{"url":"b","setid":1,"disabled":1,"recheck":116810947}]"#,
            "opensips_rtpproxy_node_enabled",
            &["node=a,set=1 0", "node=b,set=1 1"],
        ),
        (
            "uac.reg_dump",
            r#"[{"r_username":"u","r_domain":"h","l_uuid":"1","contact_addr":"c","flags":20,"auth_password":"secret","auth_ha1":"secret"},{"r_username":"v","r_domain":"h","l_uuid":"2","contact_addr":"c","flags":18},{"r_username":"w","r_domain":"h","l_uuid":"3","contact_addr":"c","flags":17}]"#,
            "opensips_uac_registrant_registration_up",
            &[
                "aor=sip:u@h,binding=sip:1@c,registrar=sip:h 1",
                "aor=sip:v@h,binding=sip:2@c,registrar=sip:h 0",
                "aor=sip:w@h,binding=sip:3@c,registrar=sip:h 0",
            ],
        ),
        (
            "keepalive.list",
            r#"{"uri":"sip:x","owner":"o","last up":"Thu Jan  1 00:00:00 1970\n","state":2}"#,
            "opensips_keepalive_destination_up",
            &["owner=o,uri=sip:x 0"],
        ),
        (
            "keepalive.list",
            r#"[{"uri":"sip:x","owner":"o","state":1},{"uri":"sip:y","owner":"o","state":0}]"#,
            "opensips_keepalive_destination_up",
            &["owner=o,uri=sip:x 1", "owner=o,uri=sip:y 0"],
        ),
        (
            "keepalive.list",
            "{}",
            "opensips_keepalive_destination_up",
            &[],
        ),
        (
            "lcr.dump_gws",
            r#"{"gw":[{"lcr_id":1,"gw_name":"a","scheme":"sip:","ip_addr":"::1","port":5,"state":2},{"lcr_id":1,"gw_name":"b","scheme":"sip:","ip_addr":"h","port":5,"state":1},{"lcr_id":1,"gw_name":"c","scheme":"sip:","ip_addr":"h","port":5,"state":9}]}"#,
            "opensips_lcr_gateway_up",
            &[
                "address=sip:::1:5,gateway=a,lcr=1 0",
                "address=sip:h:5,gateway=b,lcr=1 1",
                "address=sip:h:5,gateway=c,lcr=1 1",
            ],
        ),
        (
            "dmq.list_nodes",
            r#"[{"host":"h","port":"5","proto":"udp","status":"not_active","local":0,"fail_count":2}]"#,
            "opensips_dmq_node_failures",
            &["node=h:5,protocol=udp 2"],
        ),
    ];
    for version in [KAMAILIO, KAMAILIO_6_1] {
        for (command, answer, family, expected) in cases {
            let (_directory, _server, exporter) =
                exporter(version, &["--log.level=debug"], |server| {
                    server.teach(command, answer);
                });
            let page = exporter.scrape();
            assert_eq!(samples(&page, family), *expected, "{command}");
            let success = page.family("opensips_scrape_collector_success");
            let success = &success.expect("collectors").samples;
            assert!(success.iter().all(|it| it.value == "1"), "{success:?}");
            assert!(!exporter.get("/metrics").text().contains("secret"));
            assert!(exporter.logged("secret").is_empty());
        }
    }
}

/// Nothing there is an error for some commands, and no failure.
#[test]
fn kamailio_without_sets_and_tables_is_well() {
    let (_directory, _server, exporter) = exporter(KAMAILIO, &[], |server| {
        for (command, error) in [
            ("dispatcher.list", "No Destination Sets"),
            ("htable.stats", "No htables"),
            ("core.tcp_info", "tcp support disabled"),
        ] {
            server.teach(
                command,
                &format!(r#""error":{{"code":500,"message":"{error}"}}"#),
            );
        }
    });
    let page = exporter.scrape();
    for collector in ["dispatcher", "htable", "tcp"] {
        assert_eq!(success(&page, collector).as_deref(), Some("1"));
    }
    assert!(page.family("opensips_htable_items").is_none());
    assert!(exporter.logged("is not complete").is_empty());
}

/// An error that says nothing is still one.
#[test]
fn an_error_without_a_message_is_a_failure() {
    for version in [KAMAILIO, V4_0] {
        let (_directory, _server, exporter) = exporter(version, &[], |server| {
            for command in ["rtpproxy.list", "rtpproxy:show"] {
                server.teach(command, r#""error":{"code":500,"message":""}"#);
            }
        });
        let page = exporter.scrape();
        assert_eq!(success(&page, "rtpproxy").as_deref(), Some("0"));
    }
}

/// It has no command for statistics then, which is not tried, since it would be logged there.
#[test]
fn kamailio_without_kex_says_so_and_shows_the_rest() {
    let (directory, server, exporter) = exporter(KAMAILIO, &[], |server| {
        server.teach(
            "system.listMethods",
            r#"["core.uptime","core.psx","core.version","dispatcher.list"]"#,
        );
    });
    for _ in 0..3 {
        let page = exporter.scrape();
        assert_eq!(page.up(), "1", "{:#?}", exporter.log());
        assert_eq!(success(&page, "kex").as_deref(), Some("0"));
        assert_eq!(success(&page, "dispatcher").as_deref(), Some("1"));
        assert!(page.family("opensips_core_uptime_seconds").is_some());
        assert!(page.family("opensips_process_info").is_some());
        assert!(page.family("opensips_core_requests_total").is_none());
    }
    assert_eq!(exporter.get("/-/ready").status, 200);
    assert_eq!(server.requests(), Vec::<String>::new());
    let told = exporter.logged("is not complete on the page");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("without its module kex: load it"));
    let mut check = binary();
    check
        .args(["check", "--socket"])
        .arg(directory.join("mi.sock"));
    let report = check.output().expect("the program runs").stdout;
    let report = String::from_utf8_lossy(&report);
    let problem = "PROBLEM      kex, stats.get_statistics: the server has no statistics";
    assert!(report.contains(problem), "{report}");
    assert!(report.contains("1 problem\n"), "{report}");

    server.teach("system.listMethods", r#"["stats.get_statistics"]"#);
    let page = exporter.scrape();
    assert!(page.family("opensips_core_requests_total").is_some());
    assert_eq!(success(&page, "kex"), None);
    server.teach("system.listMethods", r#"["core.uptime"]"#);
    server.die();
    assert_eq!(exporter.scrape().up(), "0");
}

/// A datagram of Kamailio has 131,040 bytes at most, and silence says that it would take more.
#[test]
fn a_list_of_kamailio_that_does_not_fit_is_asked_for_in_short() {
    let (_directory, server, exporter) = exporter(KAMAILIO, &[], |server| {
        let long = "x".repeat(131_040);
        server.teach("dispatcher.list", &format!("\"{long}\""));
        server.teach(
            "dispatcher.list[\"short\"]",
            r#"{"RECORDS":[{"SET":{"ID":1,"TARGETS":[{"DEST":{"URI":"sip:x","FLAGS":"AP","PRIORITY":7}}]}}]}"#,
        );
    });
    for _ in 0..3 {
        let page = exporter.scrape();
        let priority = samples(&page, "opensips_dispatcher_destination_priority");
        assert_eq!(priority, ["set=1,uri=sip:x 7"]);
        assert_eq!(success(&page, "dispatcher").as_deref(), Some("1"));
    }
    let commands = server.commands();
    let commands = commands.iter().filter(|it| it.contains("dispatcher.list"));
    let (short, whole): (Vec<&String>, Vec<&String>) =
        commands.partition(|request| request.contains("short"));
    assert_eq!((short.len(), whole.len()), (3, 1));
}

#[test]
fn the_largest_datagram_of_kamailio_is_read() {
    let (_directory, _server, exporter) = exporter(KAMAILIO_6_1, &[], |server| {
        let body = "x".repeat(130_800);
        server.teach(
            "dispatcher.list",
            &format!(
                r#"{{"RECORDS":[{{"SET":{{"ID":1,"TARGETS":[{{"DEST":{{"URI":"sip:x","FLAGS":"AP","ATTRS":{{"BODY":"{body}","WEIGHT":7}}}}}}]}}}}]}}"#
            ),
        );
    });
    let weights = samples(&exporter.scrape(), "opensips_dispatcher_destination_weight");
    assert_eq!(weights, ["set=1,uri=sip:x 7"]);
}
