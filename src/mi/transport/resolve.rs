//! Addresses of host names, under a deadline.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::target::Host;
use crate::mi::deadline::Deadline;
use crate::mi::error::Error;

/// Threads that wait for the system's answer.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// The most of them. When there are more, the system does not answer.
const MAX_WAITING: usize = 64;

/// The addresses of `host`, which messages call `endpoint`: at least one, those of IPv4 first, as
/// servers rarely listen on others alone.
///
/// # Errors
///
/// [`Error::Unresolved`] when there is none, or not in time.
pub fn resolve(host: &Host, endpoint: &str, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.name.parse::<IpAddr>() {
        return Ok(vec![(address, host.port).into()]);
    }
    // The system knows no deadline, so somebody else waits for it, and may do so for long after
    // this scrape.
    if WAITING.fetch_add(1, Ordering::SeqCst) >= MAX_WAITING {
        WAITING.fetch_sub(1, Ordering::SeqCst);
        return Err(Error::Unresolved {
            endpoint: endpoint.to_string(),
            why: "earlier questions are still without an answer".to_string(),
        });
    }
    let (sender, receiver) = mpsc::channel();
    let name = (host.name.clone(), host.port);
    let asked = thread::Builder::new()
        .name("resolver".to_string())
        .spawn(move || {
            let addresses = name.to_socket_addrs().map(Vec::from_iter);
            WAITING.fetch_sub(1, Ordering::SeqCst);
            let _ = sender.send(addresses);
        })
        .inspect_err(|_| {
            WAITING.fetch_sub(1, Ordering::SeqCst);
        });
    let why = match (asked, deadline.remaining()) {
        (Err(error), _) => error.to_string(),
        (Ok(_), None) => "no answer in time".to_string(),
        (Ok(_), Some(remaining)) => match receiver.recv_timeout(remaining) {
            Ok(Ok(addresses)) if !addresses.is_empty() => {
                let (v4, v6): (Vec<_>, Vec<_>) =
                    addresses.into_iter().partition(SocketAddr::is_ipv4);
                return Ok([v4, v6].concat());
            }
            Ok(Ok(_)) => "it has no address".to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_string(),
        },
    };
    Err(Error::Unresolved { endpoint: endpoint.to_string(), why })
}
