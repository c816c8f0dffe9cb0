//! The commands of a scrape: which of them are sent, and what it costs when one fails or the server
//! is busy.

use std::time::{Duration, Instant};

use crate::support::modules::{exporter, samples, success};
use crate::support::stand_in::{
    Behaviour, KAMAILIO, KAMAILIO_6_1, StandIn, V1_11, V2_4, V3_6, V4_0,
};
use crate::support::{captured, server_and_exporter};

#[test]
fn only_commands_that_the_server_has_are_sent() {
    for version in [V1_11, V2_4, V3_6, V4_0, KAMAILIO, KAMAILIO_6_1] {
        let (_directory, server, exporter) = exporter(version, &[], |_| {});
        let is_kamailio = version.speaks_like(KAMAILIO);
        for _ in 0..3 {
            assert_eq!(exporter.scrape().up(), "1");
        }
        let list = server.listings();
        assert_eq!(list.len(), 1, "{}: {list:?}", version.name);
        let has = |name: &str| {
            server
                .commands()
                .iter()
                .any(|request| request.contains(name))
        };
        assert_eq!(has("ds_list"), version.name != "4.0" && !is_kamailio);
        assert_eq!(has("dispatcher:list"), version.name == "4.0");
        assert_eq!(has("rtpproxy:show"), version.name == "4.0");
        assert_eq!(has("dispatcher.list"), is_kamailio);
        assert_eq!(has("sr_list_status"), version.name == "3.6");
        let unwanted = ["list_tcp", "tcp:list", "tcp_list", "profile", "t_hash"];
        let kills = [
            "secfilter",
            "pdt.",
            "mod.stats",
            "dlg.list",
            "ul.dump",
            "ws.dump",
        ];
        for unwanted in unwanted.into_iter().chain(kills) {
            assert!(!has(unwanted), "{}: {unwanted}", version.name);
        }
    }
}

#[test]
fn a_module_that_is_not_loaded_has_no_series() {
    let (_directory, server, exporter) = server_and_exporter(&[]);
    let page = exporter.scrape();
    assert_eq!(page.up(), "1");
    assert!(page.family("opensips_scrape_collector_success").is_none());
    assert!(page.family("opensips_dispatcher_destination_up").is_none());
    assert!(
        !server
            .commands()
            .iter()
            .any(|request| request.contains("ds_list"))
    );
}

#[test]
fn a_server_that_started_again_is_asked_what_it_has() {
    let (directory, server, exporter) = exporter(V2_4, &[], |_| {});
    assert_eq!(
        success(&exporter.scrape(), "dispatcher").as_deref(),
        Some("1")
    );
    server.stop();
    let server = StandIn::start(&directory.join("mi.sock"), V2_4, &captured());
    assert_eq!(success(&exporter.scrape(), "dispatcher"), None);
    assert_eq!(server.listings().len(), 1);
}

#[test]
fn a_server_that_does_not_list_its_commands_is_left_alone() {
    let (_directory, server, exporter) = exporter(V2_4, &[], |server| {
        server.teach("which", "500 command not available\n");
    });
    for _ in 0..5 {
        let page = exporter.scrape();
        assert_eq!(page.up(), "1");
        assert_eq!(success(&page, "which").as_deref(), Some("0"));
    }
    assert_eq!(server.listings().len(), 1);
    assert_eq!(exporter.logged("does not list its commands").len(), 1);
}

#[test]
fn a_command_that_fails_costs_its_own_series() {
    for (version, answer, expected) in [
        (V2_4, "404 No Data available yet\n", "has no data"),
        (V2_4, "500 Internal trouble\n", "500 Internal trouble"),
    ] {
        let (_directory, server, exporter) = exporter(version, &[], |server| {
            server.teach("dr_gw_status", answer);
        });
        for _ in 0..2 {
            let page = exporter.scrape();
            assert_eq!(page.up(), "1");
            assert_eq!(success(&page, "drouting").as_deref(), Some("0"));
            assert!(page.family("opensips_drouting_gateway_up").is_none());
            assert!(page.family("opensips_drouting_carrier_up").is_some());
            assert_eq!(success(&page, "dispatcher").as_deref(), Some("1"));
        }
        let told = exporter.logged("drouting is not complete on the page, dr_gw_status");
        assert_eq!(told.len(), 1);
        assert!(told[0].contains(expected), "{told:?}");
        server.teach("dr_gw_status", "ID:: gw1 IP=x State=Active\n");
        let page = exporter.scrape();
        assert_eq!(success(&page, "drouting").as_deref(), Some("1"));
        exporter.wait_for_log("drouting is complete on the page again");
    }
}

#[test]
fn a_command_that_is_not_answered_costs_a_part_of_the_time_and_then_none() {
    for version in [V2_4, V3_6] {
        let (_directory, server, exporter) = exporter(version, &["--timeout=4s"], |server| {
            server.behave(Behaviour::Mute("ds_list"));
        });
        for _ in 0..3 {
            let began = Instant::now();
            let page = exporter.scrape();
            assert!(began.elapsed() < Duration::from_secs(3), "{}", version.name);
            assert_eq!(page.up(), "1");
            assert_eq!(success(&page, "dispatcher").as_deref(), Some("0"));
            assert!(page.family("opensips_dispatcher_destination_up").is_none());
        }
        let page = exporter.scrape();
        assert_eq!(success(&page, "load_balancer").as_deref(), Some("1"));
        assert!(
            page.family("opensips_load_balancer_destination_up")
                .is_some()
        );
        assert_eq!(server.times("ds_list"), 1, "{}", version.name);
        assert_eq!(exporter.logged("is not complete").len(), 1);
    }
}

/// The server does one thing at a time.
#[test]
fn what_the_server_is_busy_with_costs_no_other_module_but_once() {
    for version in [V2_4, V3_6] {
        let busy = Duration::from_millis(2400);
        let (_directory, server, exporter) = exporter(version, &["--timeout=4s"], |server| {
            server.behave(Behaviour::SlowAt(&["list_blacklists"], busy));
        });
        let page = exporter.scrape();
        assert_eq!(page.up(), "1");
        assert_eq!(success(&page, "blacklists").as_deref(), Some("0"));
        let value = page.value("opensips_scrape_duration_seconds", &[]);
        let took: f64 = value
            .and_then(|value| value.parse().ok())
            .expect("a number");
        assert!(took > 0.8, "{took}");
        for _ in 0..3 {
            let page = exporter.scrape();
            assert_eq!(page.up(), "1", "{}", version.name);
            assert_eq!(success(&page, "blacklists").as_deref(), Some("0"));
            for module in ["call_center", "dispatcher", "uac_registrant"] {
                assert_eq!(success(&page, module).as_deref(), Some("1"), "{module}");
            }
        }
        let told = exporter.logged("is not complete");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("blacklists") && told[0].contains("no reply within 1s"));
        assert_eq!(server.times("list_blacklists"), 1);
    }
}

#[test]
fn strangers_in_a_hurry_keep_nobody_from_an_answer() {
    let (_directory, _server, exporter) = exporter(V3_6, &[], |server| {
        server.behave(Behaviour::SlowAt(&["ds_list"], Duration::from_millis(400)));
    });
    for _ in 0..5 {
        // A command has a quarter of it.
        let page = exporter.scrape_within(Duration::from_millis(600));
        assert_eq!(success(&page, "dispatcher").as_deref(), Some("0"));
        let page = exporter.scrape();
        assert_eq!(success(&page, "dispatcher").as_deref(), Some("1"));
    }
    // It says nothing of the server.
    assert_eq!(exporter.logged("dispatcher is not complete").len(), 0);
}

#[test]
fn a_reply_that_does_not_fit_is_told_and_not_asked_for_again_at_once() {
    for (version, command, remedy) in [
        (V1_11, "ds_list", "load mi_fifo and set --socket"),
        (V2_4, "ds_list", "load mi_fifo and set --socket"),
        (V3_6, "lb_list", "load mi_fifo or mi_http and set --socket"),
        (V4_0, "load_balancer:list", "raise socket_buf_size of"),
        (
            KAMAILIO,
            "uac.reg_dump",
            "set pretty_format of jsonrpcs to 0",
        ),
    ] {
        let (_directory, server, exporter) = exporter(version, &[], |server| {
            server.teach(command, &"x".repeat(140_000));
        });
        for _ in 0..3 {
            let page = exporter.scrape();
            assert_eq!(page.up(), "1");
            let results = page.family("opensips_scrape_collector_success");
            let results = results.expect("results");
            let failed = results.samples.iter().filter(|sample| sample.value == "0");
            assert_eq!(failed.count(), 1, "{}", version.name);
        }
        let told = exporter.logged("is not complete on the page");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains(&format!("{command}: the reply is larger")),
            "{told:?}"
        );
        assert!(told[0].contains(remedy), "{told:?}");
        assert_eq!(server.times(command), 1, "{}", version.name);
    }
}

#[test]
fn status_reports_that_do_not_fit_are_asked_for_by_group() {
    let (_directory, server, exporter) = exporter(V4_0, &[], |server| {
        server.teach("status_report:status", &"x".repeat(70_000));
        server.teach(
            "status_report:identifiers",
            r#"[{"Group":"uac_registrant","Identifiers":["a"]},{"Group":"core","Identifiers":["main"]},
                {"Group":"pike","Identifiers":["main"]}]"#,
        );
        for group in ["core", "pike"] {
            server.teach(
                &format!(r#"status_report:status{{"group":"{group}"}}"#),
                r#"[{"Name":"main","Readiness":true,"Status":1}]"#,
            );
        }
    });
    for _ in 0..3 {
        let page = exporter.scrape();
        assert_eq!(success(&page, "status_report").as_deref(), Some("1"));
        assert_eq!(
            samples(&page, "opensips_status_report_identifier_up"),
            [
                "group=core,identifier=main 1",
                "group=pike,identifier=main 1"
            ]
        );
    }
    // Once beside those for the partitions of dispatcher.
    assert_eq!(server.times(r#"status_report:status","id""#), 1);
    assert_eq!(server.times("status_report:identifiers"), 1);
    assert_eq!(server.times(r#"{"group":"core"}"#), 3);
    assert_eq!(server.times(r#"{"group":"uac_registrant"}"#), 0);
}

#[test]
fn commands_are_selected_like_groups() {
    let (_directory, server, exporter) = exporter(V2_4, &["--exclude=drouting"], |_| {});
    let page = exporter.scrape();
    assert_eq!(success(&page, "drouting"), None);
    assert_eq!(success(&page, "dispatcher").as_deref(), Some("1"));
    server.forget();
    let page = exporter.scrape_with("/metrics?collect[]=dispatcher:");
    assert_eq!(page.up(), "1");
    assert_eq!(success(&page, "dispatcher").as_deref(), Some("1"));
    assert_eq!(success(&page, "load_balancer"), None);
    assert_eq!(server.commands(), [":ds_list:\n"]);
    let response = exporter.get("/metrics?collect[]=drouting:");
    assert_eq!(response.status, 400);
}

#[test]
fn a_scope_of_commands_alone_needs_no_statistics() {
    let (_directory, _server, exporter) = exporter(V2_4, &["--collect=dispatcher"], |_| {});
    let page = exporter.scrape();
    assert_eq!(page.up(), "1");
    assert_eq!(
        samples(&page, "opensips_dispatcher_destination_up").len(),
        3
    );
    assert!(page.family("opensips_core_requests_total").is_none());
}

#[test]
fn what_makes_the_server_work_hard_is_off_until_it_is_asked_for() {
    for (flags, status, has_core) in [
        (&[][..], 400, true),
        (&["--collect=all,tcp_connections"], 200, true),
        (&["--collect=tcp_connections"], 200, false),
        (
            &["--collect=all,tcp_connections", "--exclude=tcp_connections"],
            400,
            true,
        ),
    ] {
        let (_directory, _server, exporter) = exporter(V3_6, flags, |_| {});
        let page = exporter.scrape();
        let is_on = success(&page, "tcp_connections").is_some();
        assert_eq!(is_on, status == 200, "{flags:?}");
        assert_eq!(
            page.family("opensips_core_requests_total").is_some(),
            has_core
        );
        let response = exporter.get("/metrics?collect[]=tcp_connections:");
        assert_eq!(response.status, status, "{flags:?}");
        if flags.is_empty() {
            let text = response.text();
            assert!(text.contains("--collect=all,tcp_connections"), "{text}");
        }
    }
}

#[test]
fn what_lists_the_parts_of_a_command_may_be_slow_as_well() {
    let flags = ["--timeout=4s", "--exclude=status_report"];
    let (_directory, _server, exporter) = exporter(V3_6, &flags, |server| {
        server.behave(Behaviour::SlowAt(
            &["sr_list_status"],
            Duration::from_millis(2400),
        ));
    });
    assert_eq!(exporter.scrape().up(), "1");
    exporter.wait_for_log("dispatcher is not complete on the page, sr_list_status: no reply");
    let page = exporter.scrape();
    for module in ["dispatcher", "load_balancer", "uac_registrant"] {
        assert_eq!(success(&page, module).as_deref(), Some("1"), "{module}");
    }
}

/// Each would take the others' commands for slow ones.
#[test]
fn scrapes_at_once_ask_one_after_the_other() {
    let (_directory, _server, exporter) = exporter(V3_6, &["--timeout=8s"], |server| {
        server.behave(Behaviour::SlowAt(&["ds_list"], Duration::from_millis(2250)));
    });
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert_eq!(exporter.scrape().up(), "1"));
        }
    });
    let told = exporter.logged("level=warn");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("dispatcher is not complete"), "{told:?}");
    let page = exporter.scrape();
    for module in ["call_center", "load_balancer", "uac_registrant"] {
        assert_eq!(success(&page, module).as_deref(), Some("1"), "{module}");
    }
}
