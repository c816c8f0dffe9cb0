//! Addresses of host names, under a deadline.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

use super::target::Host;
use super::{Deadline, Error};

/// The addresses of `host`, which messages call `endpoint`: at least one, those of IPv4 first, as servers
/// rarely listen on others alone.
///
/// # Errors
///
/// [`Error::Unresolved`] when there is none, or not in time.
pub fn resolve(host: &Host, endpoint: &str, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.name.parse::<IpAddr>() {
        return Ok(vec![(address, host.port).into()]);
    }
    // The system knows no deadline, so somebody else waits for it.
    let (sender, receiver) = mpsc::channel();
    let name = (host.name.clone(), host.port);
    let asked = thread::Builder::new()
        .name("resolver".to_string())
        .spawn(move || {
            let addresses = name.to_socket_addrs().map(Vec::from_iter);
            let _ = sender.send(addresses);
        });
    let why = match (asked, deadline.remaining()) {
        (Err(error), _) => error.to_string(),
        (Ok(_), None) => "no answer in time".to_string(),
        (Ok(_), Some(remaining)) => match receiver.recv_timeout(remaining) {
            Ok(Ok(mut addresses)) if !addresses.is_empty() => {
                addresses.sort_by_key(SocketAddr::is_ipv6);
                return Ok(addresses);
            }
            Ok(Ok(_)) => "it has no address".to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_string(),
        },
    };
    Err(Error::Unresolved {
        endpoint: endpoint.to_string(),
        why,
    })
}
