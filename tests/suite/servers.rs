//! Every server by every way to ask it, as the table in the README has them.

use crate::golden_pages::steady;
use crate::support::fifo::Place;
use crate::support::network::Server;
use crate::support::stand_in::{
    KAMAILIO, KAMAILIO_6_1, StandIn, Statistic, V1_11, V2_4, V3_6, V4_0, Version, read_captured,
};
use crate::support::{Exporter, TempDir, binary, fixture};

/// How a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Fifo,
    Unix,
    Udp,
    Http,
}

use Transport::{Fifo, Http, Udp, Unix};

/// All ways, with their headings.
pub const TRANSPORTS: &[(Transport, &str)] = &[
    (Fifo, "FIFO"),
    (Unix, "unix datagram"),
    (Udp, "UDP"),
    (Http, "HTTP"),
];

/// All servers, with the ways that each has.
pub const SERVERS: &[(Version, &str, &[Transport])] = &[
    (V1_11, "OpenSIPS 1.11", &[Fifo, Unix, Udp]),
    (V2_4, "OpenSIPS 2.4", &[Fifo, Unix, Udp]),
    (V3_6, "OpenSIPS 3.6", &[Fifo, Unix, Udp, Http]),
    (V4_0, "OpenSIPS 4.0", &[Fifo, Unix, Udp, Http]),
    (KAMAILIO, "Kamailio 5.6", &[Unix, Udp, Http]),
    (KAMAILIO_6_1, "Kamailio 6.1", &[Unix, Udp, Http]),
];

/// The page of a server that is asked by this `transport`.
fn page(version: Version, statistics: Vec<Statistic>, transport: Transport) -> String {
    let at = |target: String| {
        let mut command = binary();
        command.args(["--addr=127.0.0.1:0", "--socket", &target]);
        Exporter::run(command)
    };
    let (page, _server): (_, Box<dyn std::any::Any>) = match transport {
        Fifo => {
            let place = Place::new();
            let server = place.server_with(version, statistics);
            (
                place.exporter(&[]).get("/metrics"),
                Box::new((server, place)),
            )
        }
        Unix => {
            let directory = TempDir::new();
            let socket = directory.join("mi.sock");
            let server = StandIn::with_statistics(&socket, version, statistics);
            let exporter = Exporter::start(&socket, &[]);
            (exporter.get("/metrics"), Box::new((server, directory)))
        }
        Udp => {
            let server = Server::udp("127.0.0.1", version);
            server.state().statistics = statistics;
            (
                at(format!("udp:{}", server.address)).get("/metrics"),
                Box::new(server),
            )
        }
        Http => {
            let server = Server::http(version);
            server.state().statistics = statistics;
            (
                at(format!("http://{}/mi", server.address)).get("/metrics"),
                Box::new(server),
            )
        }
    };
    steady(&page.text())
}

#[test]
fn each_server_has_the_same_page_by_each_way() {
    for &(version, name, transports) in SERVERS {
        let reply = fixture(&format!("{}/get_statistics_all.reply", version.name));
        let statistics = || read_captured(&std::fs::read(&reply).expect("the captured reply"));
        let expected = page(version, statistics(), Unix);
        assert!(expected.contains("\nopensips_up 1\n"), "{name}: {expected}");
        for &transport in transports {
            let page = page(version, statistics(), transport);
            assert_eq!(page, expected, "{name} by {transport:?}");
        }
    }
}
