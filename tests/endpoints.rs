//! Servers that are not asked at a unix socket: the UDP port of mi_datagram, and mi_http.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use support::stand_in::{
    KAMAILIO, Statistic, V1_11, V2_4, V3_6, V4_0, Version, answer, read_captured,
};
use support::{Exporter, PATIENCE, assert_down, assert_up, binary, captured};

/// What a server by network does with a request.
#[derive(Debug, Clone)]
enum Behaviour {
    Proper,
    Silent,
    /// By HTTP, all bytes of the answer; by UDP the packet.
    Raw(Vec<u8>),
    /// By HTTP, without end.
    Endless,
    /// One byte every 50 ms.
    Dripping,
    /// By HTTP, keeps the connection after the answer.
    Keeping,
    /// By UDP, loses the next reply with statistics.
    Losing,
}

struct Server {
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    fn udp(host: &str, version: Version) -> Server {
        let socket = UdpSocket::bind((host, 0)).expect("a port");
        let server = Server::new(socket.local_addr().expect("an address"));
        let (behaviour, requests) = (Arc::clone(&server.behaviour), Arc::clone(&server.requests));
        thread::spawn(move || {
            let statistics = read_captured(&captured());
            let mut buffer = vec![0; 70_000];
            while let Ok((length, client)) = socket.recv_from(&mut buffer) {
                let request = &buffer[..length];
                requests
                    .lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(request).into_owned());
                let now = behaviour.lock().unwrap().clone();
                let reply = match now {
                    Behaviour::Losing => {
                        let reply = answer(request, version, &statistics);
                        if reply
                            .as_ref()
                            .is_some_and(|reply| reply.starts_with(b"200 OK"))
                        {
                            *behaviour.lock().unwrap() = Behaviour::Proper;
                            None
                        } else {
                            reply
                        }
                    }
                    Behaviour::Raw(bytes) => Some(bytes),
                    Behaviour::Proper => answer(request, version, &statistics),
                    _ => None,
                };
                if let Some(reply) = reply {
                    let _ = socket.send_to(&reply, client);
                }
            }
        });
        server
    }

    fn http(version: Version) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let server = Server::new(listener.local_addr().expect("an address"));
        let (behaviour, requests) = (Arc::clone(&server.behaviour), Arc::clone(&server.requests));
        thread::spawn(move || {
            let statistics = read_captured(&captured());
            for stream in listener.incoming().map_while(Result::ok) {
                let behaviour = behaviour.lock().unwrap().clone();
                serve(stream, version, &statistics, behaviour, &requests);
            }
        });
        server
    }

    fn new(address: SocketAddr) -> Server {
        Server {
            address,
            behaviour: Arc::new(Mutex::new(Behaviour::Proper)),
            requests: Arc::default(),
        }
    }
}

/// Answers one request as mi_http does: a POST of JSON, or nothing at all.
fn serve(
    mut stream: TcpStream,
    version: Version,
    statistics: &[Statistic],
    behaviour: Behaviour,
    requests: &Mutex<Vec<String>>,
) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut request = Vec::new();
    let mut buffer = [0; 70_000];
    let body = loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "));
            if length == Some(&body.len().to_string()) {
                requests.lock().unwrap().push(text.clone());
                assert!(
                    head.contains("\r\nContent-Type: application/json\r\n"),
                    "{head}"
                );
                break body.to_string();
            }
        }
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => request.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    };
    match behaviour {
        Behaviour::Proper | Behaviour::Dripping | Behaviour::Keeping => {
            let reply = answer(body.as_bytes(), version, statistics).expect("a reply");
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                reply.len()
            );
            let answer = [head.as_bytes(), &reply].concat();
            if matches!(behaviour, Behaviour::Proper | Behaviour::Keeping) {
                let _ = stream.write_all(&answer);
                if matches!(behaviour, Behaviour::Keeping) {
                    let _ = stream.read(&mut buffer);
                }
            } else {
                for byte in answer.iter().take(100) {
                    if stream.write_all(&[*byte]).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(50));
                }
            }
        }
        // Until the client goes away.
        Behaviour::Silent | Behaviour::Losing => drop(stream.read(&mut buffer)),
        Behaviour::Raw(bytes) => drop(stream.write_all(&bytes)),
        Behaviour::Endless => while stream.write_all(&[b' '; 4096]).is_ok() {},
    }
}

fn exporter(target: &str, arguments: &[&str]) -> Exporter {
    let mut command = binary();
    command
        .args(["--addr=127.0.0.1:0", "--socket", target])
        .args(arguments);
    Exporter::run(command)
}

#[test]
fn mi_datagram_may_listen_on_udp() {
    for (host, version) in [
        ("127.0.0.1", V1_11),
        ("127.0.0.1", V2_4),
        ("127.0.0.1", V3_6),
        ("127.0.0.1", KAMAILIO),
        ("::1", V4_0),
        ("::1", V2_4),
    ] {
        let server = Server::udp(host, version);
        let exporter = exporter(&format!("udp:{}", server.address), &[]);
        assert_up(&exporter);
        assert_up(&exporter);
        assert!(server.requests.lock().unwrap().len() <= 4);
        assert!(exporter.get("/").text().contains("<code>udp:"));
    }
    let server = Server::udp("127.0.0.1", V3_6);
    assert_up(&exporter(
        &format!("udp:localhost:{}", server.address.port()),
        &[],
    ));
}

#[test]
fn mi_http_is_asked_by_post() {
    for version in [V3_6, V4_0] {
        let server = Server::http(version);
        let url = format!("http://{}/mi", server.address);
        let exporter = exporter(&url, &[]);
        assert_up(&exporter);
        assert_up(&exporter);
        let requests = server.requests.lock().unwrap();
        assert!(
            requests
                .iter()
                .all(|request| request.starts_with("POST /mi HTTP/1."))
        );
        assert_eq!(requests.len(), 3);
    }
}

#[test]
fn a_connection_that_is_kept_is_not_waited_for() {
    let server = Server::http(V3_6);
    server.behave(Behaviour::Keeping);
    let exporter = exporter(&format!("http://{}/mi", server.address), &[]);
    let began = Instant::now();
    assert_up(&exporter);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_lost_packet_teaches_nothing() {
    let server = Server::udp("127.0.0.1", V2_4);
    let exporter = exporter(&format!("udp:{}", server.address), &[]);
    assert_up(&exporter);
    for _ in 0..4 {
        server.behave(Behaviour::Losing);
        assert_up(&exporter);
        server.behave(Behaviour::Proper);
        server.requests.lock().unwrap().clear();
        assert_up(&exporter);
        assert_eq!(server.requests.lock().unwrap().len(), 1);
    }
}

#[test]
fn the_flags_of_the_original_are_understood() {
    let server = Server::http(V3_6);
    let url = format!("http://{}/mi/", server.address);
    let mut command = binary();
    command.args([
        "-addr=127.0.0.1:0",
        "-protocol",
        "mi_http",
        "-http_address",
        &url,
    ]);
    assert_up(&Exporter::run(command));
    assert!(server.requests.lock().unwrap()[0].starts_with("POST /mi/ HTTP/1."));
}

#[test]
fn sick_servers_by_network_cost_no_more_than_the_timeout() {
    let udp = Server::udp("127.0.0.1", V3_6);
    let http = Server::http(V3_6);
    let of_udp = exporter(&format!("udp:{}", udp.address), &["--timeout=300ms"]);
    let of_http = exporter(&format!("http://{}/mi", http.address), &["--timeout=300ms"]);
    let ok = |body: &str| Behaviour::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes());
    for (server, exporter, behaviour, advice) in [
        (&udp, &of_udp, Behaviour::Silent, "no reply from udp:"),
        (
            &udp,
            &of_udp,
            Behaviour::Raw(Vec::new()),
            "cannot make sense of",
        ),
        (
            &udp,
            &of_udp,
            Behaviour::Raw(b"{\"resu".to_vec()),
            "was cut off",
        ),
        (&http, &of_http, Behaviour::Silent, "no reply from http:"),
        (&http, &of_http, Behaviour::Dripping, "no reply from http:"),
        (&http, &of_http, Behaviour::Endless, "http://"),
        (
            &http,
            &of_http,
            Behaviour::Raw(Vec::new()),
            "without an answer",
        ),
        (
            &http,
            &of_http,
            Behaviour::Raw(b"hello\r\n\r\n".to_vec()),
            "not HTTP",
        ),
        (
            &http,
            &of_http,
            Behaviour::Raw(b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec()),
            "HTTP status 404",
        ),
        (
            &http,
            &of_http,
            Behaviour::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()),
            "after 1 bytes",
        ),
        (&http, &of_http, ok("{\"result\":{"), "was cut off"),
        (&http, &of_http, ok(""), "cannot make sense of"),
    ] {
        assert_up(exporter);
        server.behave(behaviour.clone());
        let began = Instant::now();
        assert_down(exporter);
        assert!(began.elapsed() < Duration::from_secs(1), "{behaviour:?}");
        exporter.wait_for_log(advice);
        server.behave(Behaviour::Proper);
    }
    assert_up(&of_udp);
    assert_up(&of_http);
}

#[test]
fn a_server_by_network_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = address.expect("a port");
    for (target, advice) in [
        (format!("udp:{address}"), "nobody answers at udp:127.0.0.1:"),
        (
            format!("http://{address}/mi"),
            "nobody answers at http://127.0.0.1:",
        ),
        (
            "udp:no-such-host.invalid:8080".to_string(),
            "no address for the host in udp:no-such-host.invalid:8080",
        ),
        (
            "http://no-such-host.invalid/mi".to_string(),
            "no address for the host in http://no-such-host.invalid:80/mi",
        ),
    ] {
        let exporter = exporter(&target, &["--timeout=2s"]);
        assert_down(&exporter);
        exporter.wait_for_log(advice);
    }
}
