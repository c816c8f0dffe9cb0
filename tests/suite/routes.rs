//! What is at which path, and how HTTP is spoken.

use crate::support::stand_in::{Behaviour, StandIn, V2_4, read_captured};
use crate::support::{Exporter, PATIENCE, TempDir, captured, server_and_exporter, server_with};

fn serving() -> (TempDir, StandIn, Exporter) {
    let statistics = vec![(b"core".to_vec(), b"timestamp".to_vec(), 7)];
    server_with(V2_4, statistics, &[])
}

#[test]
fn the_page_says_what_it_is() {
    let (_directory, _server, exporter) = serving();
    let response = exporter.get("/metrics");
    assert_eq!(response.status, 200);
    assert_eq!(
        response.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(
        response.headers["content-length"],
        response.body.len().to_string()
    );
}

#[test]
fn the_metrics_are_where_the_path_says() {
    let (directory, _server, _) = serving();
    let exporter = Exporter::start(&directory.join("mi.sock"), &["--path", "/stats/sip"]);
    assert_eq!(exporter.scrape_with("/stats/sip").up(), "1");
    let response = exporter.get("/metrics");
    assert_eq!(response.status, 404);
    assert!(
        response.text().contains("/stats/sip"),
        "{}",
        response.text()
    );

    let exporter = Exporter::start(&directory.join("mi.sock"), &["--path", "/"]);
    assert_eq!(exporter.scrape_with("/").up(), "1");
}

#[test]
fn other_paths_are_not_found() {
    let (_directory, _server, exporter) = serving();
    for path in ["/metrics/", "/Metrics", "/x", "//", "/-/", "/-/healthy/x"] {
        assert_eq!(exporter.get(path).status, 404, "{path}");
    }
}

#[test]
fn other_methods_are_not_allowed() {
    let (_directory, server, exporter) = serving();
    for path in ["/metrics", "/", "/-/healthy", "/-/ready"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let response = exporter.send(&request);
            assert_eq!(response.status, 405, "{method} {path}");
            assert_eq!(response.headers["allow"], "GET, HEAD", "{method} {path}");
        }
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[test]
fn head_is_get_without_the_body() {
    let (_directory, _server, exporter) = serving();
    for path in [
        "/metrics",
        "/",
        "/-/healthy",
        "/-/ready",
        "/nosuch",
        "/metrics?collect[]=%00",
    ] {
        let get = exporter.get(path);
        let head = exporter.send(&format!(
            "HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ));
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(
            head.headers["content-type"], get.headers["content-type"],
            "{path}"
        );
        assert!(head.headers["content-length"] != "0", "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
}

#[test]
fn a_connection_can_be_kept() {
    use std::io::{Read, Write};
    let (_directory, _server, exporter) = serving();
    let mut stream = std::net::TcpStream::connect(exporter.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..3 {
        stream
            .write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"healthy\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the answer");
            answer.push(byte[0]);
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 200 "),
            "{}",
            answer.escape_ascii()
        );
    }
}

#[test]
fn healthy_is_the_process_and_ready_is_the_server() {
    let (_directory, server, exporter) = serving();
    assert_eq!(exporter.get("/-/healthy").status, 200);
    assert_eq!(exporter.get("/-/ready").status, 200);
    server.behave(Behaviour::Raw(b"500 command not available\n".to_vec()));
    let response = exporter.get("/-/ready");
    assert_eq!(response.status, 503);
    assert!(
        response.text().contains("500 command not available"),
        "{}",
        response.text()
    );
    server.behave(Behaviour::Raw(b"200 OK\nrubbish\n".to_vec()));
    assert_eq!(exporter.get("/-/ready").status, 503);
    server.behave(Behaviour::Proper);
    assert_eq!(exporter.get("/-/ready").status, 200);
    server.stop();
    assert_eq!(exporter.get("/-/healthy").status, 200);
    let response = exporter.get("/-/ready");
    assert_eq!(response.status, 503);
    assert!(
        response.text().contains("does not exist"),
        "{}",
        response.text()
    );
    assert_eq!(response.text().matches('\n').count(), 1);
}

#[test]
fn the_landing_page_tells_the_state_and_links_to_each_group() {
    let directory = TempDir::new();
    let socket = directory.join("<b>&\"'.sock");
    let exporter = Exporter::start(&socket, &["--path", "/m<\"&'>"]);

    let page = exporter.get("/");
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let text = page.text();
    assert!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    assert!(text.contains("There was no scrape yet."), "{text}");
    assert!(text.contains("&lt;b&gt;&amp;&quot;&#39;.sock"), "{text}");
    assert!(!text.contains("<b>") && !text.contains("/m<"), "{text}");

    exporter.scrape_with("/m<\"&'>");
    let text = exporter.get("/").text();
    assert!(text.contains("The last scrape failed, 0s ago: "), "{text}");
    assert!(text.contains("&quot;&#39;.sock does not exist"), "{text}");

    let mut statistics = read_captured(&captured());
    statistics.push((b"<i>&".to_vec(), b"x".to_vec(), 7));
    let server = StandIn::with_statistics(&socket, V2_4, statistics);
    exporter.scrape_with("/m<\"&'>");
    let text = exporter.get("/").text();
    assert!(text.contains("The last scrape worked, "), "{text}");
    assert!(text.contains("<p>OpenSIPS 2.4"), "{text}");
    // What the server has, and nothing else.
    assert!(
        text.contains(">usrloc<") && text.contains(">&lt;i&gt;&amp;<"),
        "{text}"
    );
    assert!(
        !text.contains(">snmpstats<") && !text.contains("<i>"),
        "{text}"
    );

    // Every link leads somewhere.
    let links: Vec<String> = text
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(|link| {
            link.strip_prefix('.')
                .expect("a link that works below a path")
        })
        .map(|link| {
            link.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&")
        })
        .collect();
    assert!(links.len() > 12, "{links:?}");
    for link in links {
        assert_eq!(exporter.get(&link).status, 200, "{link}");
    }
    assert!(
        server
            .requests()
            .iter()
            .any(|request| request == ":get_statistics:\ncore:\n")
    );
}

#[test]
fn browsers_find_no_fault_when_they_look_for_an_icon() {
    let (_directory, _server, exporter) = server_and_exporter(&[]);
    let response = exporter.get("/favicon.ico");
    assert_eq!((response.status, response.body.len()), (204, 0));
}
