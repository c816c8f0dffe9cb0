//! Threads for requests: each request is handled by one of its own, out of a pool that grows with need,
//! so that one which waits for a hanging server delays no other. It does not know what they ask for.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use tiny_http::Request;

/// Requests that are handled at once. Each takes a thread and, while it waits for the SIP server, a
/// socket.
const MAX_WORKERS: usize = 64;

/// Threads that wait for further requests when there are none.
const SPARE_WORKERS: usize = 2;

/// Gives each request of `http` to `handle`, in threads that grow in number with the requests under
/// way. Returns when tiny_http says that it accepts no connection any more, with the reason. A panic in
/// `handle` costs its own request.
pub fn serve(
    http: tiny_http::Server,
    handle: impl Fn(Request) + Send + Sync + 'static,
) -> io::Error {
    let (failed, failure) = mpsc::channel();
    let pool = Arc::new(Pool {
        http,
        handle,
        workers: AtomicUsize::new(0),
        waiting: AtomicUsize::new(0),
        failed,
    });
    if let Err(error) = spawn_worker(&pool) {
        return error;
    }
    failure.recv().unwrap_or_else(io::Error::other)
}

struct Pool<H> {
    http: tiny_http::Server,
    handle: H,
    /// Threads of this pool.
    workers: AtomicUsize,
    /// Those of them that wait for a request.
    waiting: AtomicUsize,
    failed: Sender<io::Error>,
}

fn spawn_worker<H>(pool: &Arc<Pool<H>>) -> io::Result<()>
where
    H: Fn(Request) + Send + Sync + 'static,
{
    if pool.workers.fetch_add(1, Ordering::SeqCst) >= MAX_WORKERS {
        pool.workers.fetch_sub(1, Ordering::SeqCst);
        return Ok(());
    }
    pool.waiting.fetch_add(1, Ordering::SeqCst);
    let own = Arc::clone(pool);
    let spawned = thread::Builder::new()
        .name("worker".to_string())
        .spawn(move || work(&own));
    spawned.map(drop).inspect_err(|_| {
        pool.workers.fetch_sub(1, Ordering::SeqCst);
        pool.waiting.fetch_sub(1, Ordering::SeqCst);
    })
}

/// The life of one thread of the pool. It counts as waiting when it starts.
fn work<H>(pool: &Arc<Pool<H>>)
where
    H: Fn(Request) + Send + Sync + 'static,
{
    loop {
        let request = match pool.http.recv() {
            Ok(request) => request,
            Err(error) => {
                // Nobody listens for it when another thread came first.
                let _ = pool.failed.send(error);
                return;
            }
        };
        if pool.waiting.fetch_sub(1, Ordering::SeqCst) == 1
            && let Err(error) = spawn_worker(pool)
        {
            log::debug!("no further thread ({error}), further requests wait for those under way");
        }
        // The hook for panics has logged it; the request is answered 500 as it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| (pool.handle)(request)));
        if pool.waiting.load(Ordering::SeqCst) >= SPARE_WORKERS {
            pool.workers.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        pool.waiting.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::Barrier;
    use std::time::Duration;
    use tiny_http::Response;

    fn get(address: SocketAddr, target: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn served(handle: impl Fn(Request) + Send + Sync + 'static) -> io::Result<SocketAddr> {
        let http = tiny_http::Server::http("127.0.0.1:0").map_err(io::Error::other)?;
        let address = http.server_addr().to_ip();
        thread::spawn(move || serve(http, handle));
        address.ok_or(io::Error::other("no address"))
    }

    #[test]
    fn a_panic_costs_its_own_request() -> io::Result<()> {
        let address = served(|request| {
            assert!(request.url() != "/panic");
            let _ = request.respond(Response::from_string("well"));
        })?;
        for _ in 0..2 * MAX_WORKERS {
            assert!(get(address, "/panic")?.starts_with("HTTP/1.1 500 "));
        }
        assert!(get(address, "/")?.ends_with("\r\n\r\nwell"));
        Ok(())
    }

    #[test]
    fn as_many_requests_as_there_may_be_threads_are_handled_at_once() -> io::Result<()> {
        let all = Barrier::new(MAX_WORKERS);
        let address = served(move |request| {
            all.wait();
            let _ = request.respond(Response::from_string("well"));
        })?;
        let requests: Vec<_> = (0..MAX_WORKERS)
            .map(|_| thread::spawn(move || get(address, "/")))
            .collect();
        for request in requests {
            let answer = request.join().map_err(|_| io::Error::other("a panic"))??;
            assert!(answer.ends_with("well"), "{answer}");
        }
        Ok(())
    }
}
