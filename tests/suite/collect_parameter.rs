//! `collect[]`: what is asked of the server, and what is on the page.

use crate::support::stand_in::{Behaviour, V1_11, V2_4, read_captured};
use crate::support::{fixture, server_and_exporter, server_with};

#[test]
fn only_what_is_selected_is_asked_for_and_written() {
    let (_directory, server, exporter) = server_and_exporter(&[]);
    let dialog = &[
        "opensips_dialog_dialogs",
        "opensips_dialog_received",
        "opensips_dialog_sent",
    ][..];
    for (query, request, families) in [
        ("collect[]=dialog:", "dialog:\n", dialog),
        ("collect[]=dialog", "dialog\ndialog:\n", dialog),
        ("collect%5B%5D=dialog%3A", "dialog:\n", dialog),
        ("collect[]=dialog:&collect[]=dialog:", "dialog:\n", dialog),
        ("collect[]=DIALOG:", "dialog:\n", dialog),
        ("other=1&collect[]=dialog:&x", "dialog:\n", dialog),
        (
            "collect[]=rcv_requests",
            "rcv_requests\nrcv_requests:\n",
            &["opensips_core_requests_total"],
        ),
        (
            "collect[]=core:rcv_requests",
            "core:rcv_requests\ncore:\n",
            &["opensips_core_requests_total"],
        ),
        (
            "collect[]=positive%20checks",
            "positive checks\npositive checks:\n",
            &["opensips_uri_positive_checks"],
        ),
        (
            "collect[]=positive+checks",
            "positive checks\npositive checks:\n",
            &["opensips_uri_positive_checks"],
        ),
        (
            "collect[]=net:&collect[]=inuse_transactions",
            "inuse_transactions\ninuse_transactions:\nnet:\n",
            &["opensips_net_waiting", "opensips_tm_inuse_transactions"],
        ),
        ("collect[]=script:", "script:\n", &["opensips_statistic"]),
        // One known name is enough for the server, which leaves the others out.
        (
            "collect[]=net:&collect[]=nosuch:",
            "net:\nnosuch:\n",
            &["opensips_net_waiting"],
        ),
        // None is not: it answers 404, and it is up.
        ("collect[]=nosuch:", "nosuch:\n", &[]),
    ] {
        let page = exporter.scrape_with(&format!("/metrics?{query}"));
        assert_eq!(page.up(), "1", "{query}");
        assert_eq!(page.of_server(), families, "{query}");
        let asked = format!(":get_statistics:\n{request}");
        assert_eq!(server.requests().last(), Some(&asked), "{query}");
        assert!(
            page.family("opensips_exporter_build_info").is_some(),
            "{query}"
        );
        assert!(page.family("process_open_fds").is_some(), "{query}");
    }
}

#[test]
fn no_selection_is_everything() {
    let (_directory, server, exporter) = server_and_exporter(&[]);
    for target in [
        "/metrics",
        "/metrics?",
        "/metrics?collect[]=",
        "/metrics?collect[]",
        "/metrics?collect[]=all",
        "/metrics?x=core:",
    ] {
        let page = exporter.scrape_with(target);
        assert!(page.of_server().len() > 40, "{target}");
        assert_eq!(
            server.requests().last().map(String::as_str),
            Some(":get_statistics:\nall\n"),
            "{target}"
        );
    }
}

#[test]
fn the_sockets_of_1_11_can_be_selected_by_their_names() {
    let reply = std::fs::read(fixture("1.11/get_statistics_all.reply")).expect("the capture");
    let (_directory, _server, exporter) = server_with(V1_11, read_captured(&reply), &[]);
    for value in ["udp:127.0.0.1:5111-load", "load:udp:127.0.0.1:5111-load"] {
        let page = exporter.scrape_with(&format!("/metrics?collect[]={value}"));
        assert_eq!(page.of_server(), ["opensips_load_load"], "{value}");
    }
}

#[test]
fn what_cannot_be_on_the_wire_is_refused_with_a_sentence() {
    let (_directory, server, exporter) = server_and_exporter(&[]);
    for (value, sentence) in [
        ("core:%0Aall", "control characters"),
        ("core:%0D", "control characters"),
        ("%00", "control characters"),
        ("%7F", "control characters"),
        ("a%22b", "double quote"),
        ("x::core:", "two colons"),
        ("%FF", "not UTF-8"),
    ] {
        let response = exporter.get(&format!("/metrics?collect[]=core:&collect[]={value}"));
        assert_eq!(response.status, 400, "{value}");
        assert_eq!(
            response.headers["content-type"],
            "text/plain; charset=utf-8"
        );
        let text = response.text();
        assert!(
            text.contains(sentence) && text.matches('\n').count() == 1,
            "{value}: {text}"
        );
    }
    let long = format!("/metrics?collect[]={}", "x".repeat(5000));
    assert_eq!(exporter.get(&long).status, 400);
    assert_eq!(
        server.requests(),
        Vec::<String>::new(),
        "nothing of it reaches the server"
    );
}

/// By its name the server gives the first of two statistics, by their group both. The second
/// counts.
#[test]
fn the_order_of_the_values_does_not_matter() {
    let twice = |value| (b"sipcapture".to_vec(), b"captured_requests".to_vec(), value);
    let (_directory, _server, exporter) = server_with(V2_4, vec![twice(0), twice(5)], &[]);
    for query in [
        "collect[]=sipcapture:&collect[]=captured_requests",
        "collect[]=captured_requests&collect[]=sipcapture:",
        "collect[]=sipcapture:captured_requests",
    ] {
        let page = exporter.scrape_with(&format!("/metrics?{query}"));
        assert_eq!(
            page.value("opensips_sipcapture_requests_total", &[]),
            Some("5"),
            "{query}"
        );
    }
}

#[test]
fn a_sick_answer_to_a_selection_is_down_as_well() {
    let (_directory, server, exporter) = server_and_exporter(&[]);
    for reply in [
        "500 command not available\n",
        "400 parse_error\n",
        "200 OK\nrubbish\n",
        "200 OK",
    ] {
        server.behave(Behaviour::Raw(reply.into()));
        let page = exporter.scrape_with("/metrics?collect[]=core:");
        assert_eq!(page.up(), "0", "{reply}");
        assert_eq!(page.of_server(), Vec::<&str>::new(), "{reply}");
    }
}
