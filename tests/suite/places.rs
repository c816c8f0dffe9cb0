//! Servers of which nobody says where they listen: the first one that answers is taken.

use std::fs;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opensips_exporter::mi::{Client, Deadline, Endpoint, Places, ReplyDirectory, Target};
use opensips_exporter::selection::{Scope, Selection};
use opensips_exporter::telemetry::Telemetry;

use crate::support::fifo::{Behaviour, FifoServer, make_fifo};
use crate::support::network::Server;
use crate::support::stand_in::{KAMAILIO, StandIn, V1_11, V2_4, V3_6};
use crate::support::{TempDir, captured};

/// A client of the first server among `places` that answers.
fn client(places: Vec<Target>, replies: &Path) -> Client {
    let forged = Telemetry::new([]).expect("metrics").forged_replies();
    let directory = ReplyDirectory::new(Some(replies.to_path_buf()), Arc::default());
    let endpoint = Endpoint::new(Places::Given(places), directory, forged);
    Client::new(endpoint, None, Duration::from_secs(4))
}

fn path(path: &Path) -> Target {
    Target::Path(path.to_path_buf())
}

/// Asks for everything. Where it was asked, or why there was no answer.
fn ask(client: &mut Client) -> Result<String, String> {
    let wanted = Selection::of(Scope::default()).wanted();
    let deadline = Deadline::after(Duration::from_secs(4));
    let mut count = 0;
    let result = client.get_statistics(&wanted, deadline, &mut |_| count += 1);
    let result = result.map(|_| client.endpoint().to_string());
    assert_eq!(result.is_ok(), count > 0);
    result.map_err(|error| error.to_string())
}

#[test]
fn each_kind_is_found_behind_what_does_not_answer() {
    let (directory, replies) = (TempDir::new(), TempDir::new());
    let join = |name: &str| directory.join(name);
    fs::write(join("file"), "").expect("a file");
    let _stream = UnixListener::bind(join("stream.sock")).expect("a socket");
    let _silent = UnixDatagram::bind(join("silent.sock")).expect("a socket");
    drop(UnixDatagram::bind(join("dead.sock")).expect("a socket"));
    make_fifo(&join("dead_fifo"));
    let silent_fifo = FifoServer::start(&join("silent_fifo"), replies.path(), V3_6);
    silent_fifo.behave(Behaviour::Silent);

    let _datagram = StandIn::start(&join("mi.sock"), V2_4, &captured());
    let _kamailio = StandIn::start(&join("kamailio.sock"), KAMAILIO, &captured());
    let _fifo = FifoServer::start(&join("opensips_fifo"), replies.path(), V1_11);
    let (udp, http) = (Server::udp("127.0.0.1", V3_6), Server::http(V3_6));
    let target = |text: String| text.parse::<Target>().expect("a target");
    for server in [
        path(&join("mi.sock")),
        path(&join("kamailio.sock")),
        path(&join("opensips_fifo")),
        target(format!("udp:{}", udp.address)),
        target(format!("http://{}/mi", http.address)),
    ] {
        let sick = [
            "missing",
            "file",
            "stream.sock",
            "dead.sock",
            "dead_fifo",
            "silent.sock",
            "silent_fifo",
        ];
        let mut places: Vec<Target> = sick.iter().map(|name| path(&join(name))).collect();
        places.push(server.clone());
        // Behind the first one that answers nobody is asked.
        places.push(path(&join("mi.sock")));
        let mut client = client(places, replies.path());
        for _ in 0..2 {
            assert_eq!(ask(&mut client), Ok(server.to_string()));
        }
    }
    assert_eq!(replies.files(), Vec::<String>::new());
}

#[test]
fn another_server_is_looked_for_when_one_has_ended() {
    let (directory, replies) = (TempDir::new(), TempDir::new());
    let (socket, fifo) = (directory.join("mi.sock"), directory.join("opensips_fifo"));
    let mut client = client(vec![path(&socket), path(&fifo)], replies.path());
    let found_at = |path: &Path| Ok(path.display().to_string());
    for _ in 0..2 {
        let server = FifoServer::start(&fifo, replies.path(), V3_6);
        assert_eq!(ask(&mut client), found_at(&fifo));
        server.stop();
        let server = StandIn::start(&socket, V2_4, &captured());
        assert_eq!(ask(&mut client), found_at(&socket));
        // One that comes later does not take its place.
        let other = FifoServer::start(&fifo, replies.path(), V3_6);
        assert_eq!(ask(&mut client), found_at(&socket));
        other.stop();
        server.stop();
    }
}

#[test]
fn why_nobody_answers_is_said_of_what_is_there() {
    let (directory, replies) = (TempDir::new(), TempDir::new());
    let (missing, dead) = (directory.join("missing"), directory.join("dead_fifo"));
    let other = directory.join("other");
    fs::write(&other, "").expect("a file");
    let client_of = |places: &[&Path]| {
        let places = places.iter().map(|one| path(one)).collect();
        ask(&mut client(places, replies.path()))
    };
    let nowhere = format!(
        "no server at any of {}, {}",
        missing.display(),
        other.display()
    );
    assert_eq!(client_of(&[&missing, &other]), Err(nowhere));
    make_fifo(&dead);
    let nobody = format!("nobody listens on {}", dead.display());
    assert_eq!(client_of(&[&missing, &dead, &other]), Err(nobody));
    let began = Instant::now();
    let silent = directory.join("silent.sock");
    let _silent = UnixDatagram::bind(&silent).expect("a socket");
    let reason = client_of(&[&missing, &silent, &dead]);
    assert!(reason.is_err_and(|reason| reason.starts_with("no reply from ")));
    assert!(began.elapsed() < Duration::from_secs(4));
}

/// `check` tells how long the replies took.
#[test]
fn the_search_is_no_part_of_the_time_of_the_replies() {
    let directory = TempDir::new();
    let (silent, proper) = (directory.join("silent.sock"), directory.join("mi.sock"));
    let _silent = UnixDatagram::bind(&silent).expect("a socket");
    let _server = StandIn::start(&proper, V3_6, &captured());
    let mut client = client(vec![path(&silent), path(&proper)], directory.path());
    let wanted = Selection::of(Scope::default()).wanted();
    let began = Instant::now();
    let deadline = Deadline::after(Duration::from_secs(4));
    let reading = client.get_statistics(&wanted, deadline, &mut |_| ());
    let took = reading.expect("the statistics").replies.took;
    assert!(took < began.elapsed() / 2, "{took:?}");
}
