//! The least that an exporter can do with the same gate, threads and HTTP, to measure the exporter
//! against: each request sends the datagram for all statistics, receives the reply, and answers a
//! constant page. `null-exporter SOCKET PAGE`.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opensips_exporter::exposition::CONTENT_TYPE;
use opensips_exporter::gate::refusal::Refusal;
use opensips_exporter::gate::{self, Rules};
use opensips_exporter::site::{self, Answer};
use opensips_exporter::telemetry::Telemetry;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, page] = arguments.as_slice() else {
        return Err("usage: null-exporter SOCKET PAGE".into());
    };
    let (socket, page): (_, Arc<[u8]>) = (socket.clone(), std::fs::read(page)?.into());
    let count = AtomicUsize::new(0);
    let handle = move |request| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let name = format!("null-exporter-{}-{number}", std::process::id());
        let reply = SocketAddr::from_abstract_name(name)
            .and_then(|address| UnixDatagram::bind_addr(&address))
            .and_then(|datagram| {
                datagram.send_to(b":get_statistics:\nall\n", &socket)?;
                let mut reply = vec![0; 65_536];
                let length = datagram.recv(&mut reply)?;
                reply.truncate(length);
                Ok(reply)
            });
        let status = if reply.is_ok() { 200 } else { 500 };
        let answer = Answer {
            status,
            content_type: CONTENT_TYPE,
            body: Arc::clone(&page),
        };
        site::send(request, answer);
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    println!("serves http://{}/", listener.local_addr()?);
    let telemetry = Telemetry::new(Refusal::ALL.iter().map(|refusal| refusal.label()))?;
    let rules = Rules {
        forwarded: site::HEADERS,
        is_slow: Box::new(|target| target == "/metrics"),
        rejections: telemetry.rejections(),
    };
    Err(gate::start(vec![listener.into()], rules, handle)?
        .wait()
        .into())
}
