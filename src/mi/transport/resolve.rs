//! Addresses of host names, under a deadline.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
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
    let answer = Arc::new((Mutex::new(None), Condvar::new()));
    let (name, asked) = ((host.name.clone(), host.port), Arc::clone(&answer));
    let thread = thread::Builder::new().name("resolver".to_string());
    let started = thread.spawn(move || {
        let addresses = name.to_socket_addrs().map(Vec::from_iter);
        WAITING.fetch_sub(1, Ordering::SeqCst);
        let (answer, told) = &*asked;
        *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(addresses);
        told.notify_one();
    });
    let addresses = match started {
        Ok(_) => {
            let (answer, told) = &*answer;
            let answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
            let remaining = deadline.remaining().unwrap_or_default();
            let waited = told.wait_timeout_while(answer, remaining, |answer| answer.is_none());
            waited.unwrap_or_else(PoisonError::into_inner).0.take()
        }
        Err(error) => {
            WAITING.fetch_sub(1, Ordering::SeqCst);
            Some(Err(error))
        }
    };
    let why = match addresses {
        Some(Ok(addresses)) if !addresses.is_empty() => {
            let (v4, v6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv4);
            return Ok([v4, v6].concat());
        }
        Some(Ok(_)) => "it has no address".to_string(),
        Some(Err(error)) => error.to_string(),
        None => "no answer in time".to_string(),
    };
    Err(Error::Unresolved { endpoint: endpoint.to_string(), why })
}
