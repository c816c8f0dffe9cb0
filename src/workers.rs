//! Threads for the requests of one tiny_http server: each request is handled by one of its own, out of a pool
//! that grows with need, so that one which waits for a hanging server delays no other. It does not know
//! what they ask for.

use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tiny_http::{Request, Server};

/// How long a thread that is not needed is kept.
const IDLE_TIME: Duration = Duration::from_secs(5);

/// Gives each request of `server` to `handle`, in threads that grow in number with the requests under way.
/// There is one more than that, waiting for the next one. A panic in `handle` costs its own request.
///
/// # Errors
///
/// When the system refuses the first thread. Later ones are done without: requests then wait.
pub fn serve<H>(server: Server, handle: Arc<H>) -> io::Result<()>
where
    H: Fn(Request) + Send + Sync + 'static,
{
    let pool = Arc::new(Pool {
        server,
        handle,
        waiting: AtomicUsize::new(0),
    });
    // tiny_http panics when a server with an abstract address is dropped (0.12, `lib.rs`), so it stays.
    spawn_worker(&pool).inspect_err(|_| mem::forget(Arc::clone(&pool)))
}

struct Pool<H> {
    server: Server,
    handle: Arc<H>,
    /// Threads that wait for a request.
    waiting: AtomicUsize,
}

fn spawn_worker<H>(pool: &Arc<Pool<H>>) -> io::Result<()>
where
    H: Fn(Request) + Send + Sync + 'static,
{
    pool.waiting.fetch_add(1, Ordering::SeqCst);
    let own = Arc::clone(pool);
    let spawned = thread::Builder::new()
        .name("worker".to_string())
        .spawn(move || work(&own));
    spawned.map(drop).inspect_err(|_| {
        pool.waiting.fetch_sub(1, Ordering::SeqCst);
    })
}

/// The life of one thread of the pool. It counts as waiting when it starts.
fn work<H>(pool: &Arc<Pool<H>>)
where
    H: Fn(Request) + Send + Sync + 'static,
{
    loop {
        let is_alone = pool.waiting.load(Ordering::SeqCst) == 1;
        // An error says that the server takes no further connection, which it is not meant to.
        let request = if is_alone {
            pool.server.recv().ok()
        } else {
            let request = pool.server.recv_timeout(IDLE_TIME).ok().flatten();
            // Woken in the last millisecond, tiny_http forgets to look (0.12, `util/messages_queue.rs`).
            request.or_else(|| pool.server.try_recv().ok().flatten())
        };
        let Some(request) = request else {
            if pool.waiting.fetch_sub(1, Ordering::SeqCst) > 1 {
                return;
            }
            pool.waiting.fetch_add(1, Ordering::SeqCst);
            continue;
        };
        if pool.waiting.fetch_sub(1, Ordering::SeqCst) == 1
            && let Err(error) = spawn_worker(pool)
        {
            log::debug!("no further thread ({error}), further requests wait for those under way");
        }
        // The hook for panics has logged it; the request is answered 500 as it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| (pool.handle)(request)));
        pool.waiting.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::Barrier;
    use tiny_http::Response;

    /// More than tiny_http begins with.
    const MANY: usize = 20;

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
        let http = Server::http("127.0.0.1:0").map_err(io::Error::other)?;
        let address = http.server_addr().to_ip();
        serve(http, Arc::new(handle))?;
        address.ok_or(io::Error::other("no address"))
    }

    #[test]
    fn a_panic_costs_its_own_request() -> io::Result<()> {
        let address = served(|request| {
            assert!(request.url() != "/panic");
            let _ = request.respond(Response::from_string("well"));
        })?;
        for _ in 0..MANY {
            assert!(get(address, "/panic")?.starts_with("HTTP/1.1 500 "));
        }
        assert!(get(address, "/")?.ends_with("\r\n\r\nwell"));
        Ok(())
    }

    #[test]
    fn as_many_requests_as_come_are_handled_at_once() -> io::Result<()> {
        let all = Barrier::new(MANY);
        let address = served(move |request| {
            all.wait();
            let _ = request.respond(Response::from_string("well"));
        })?;
        let requests: Vec<_> = (0..MANY)
            .map(|_| thread::spawn(move || get(address, "/")))
            .collect();
        for request in requests {
            let answer = request.join().map_err(|_| io::Error::other("a panic"))??;
            assert!(answer.ends_with("well"), "{answer}");
        }
        Ok(())
    }
}
