//! The hub on the network: JSON and files by HTTPS, under `/api/v1/`.

mod api;
mod caller;
mod description;
mod files;
mod library;
mod lists;
mod pages;
mod releases;
mod snapshots;
mod turns;
mod urgent;
mod web_names;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header;
use actix_web::middleware::DefaultHeaders;
use actix_web::{App, HttpServer, web};
use rustls::ServerConfig;

use self::lists::Readers;
use self::turns::Turns;
use crate::Hub;
use crate::tides::Tides;

/// Most connections at once: three thousand boxes that wait for what is urgent, a thousand of them in the same minute of their nights, and room for
/// whoever comes by a browser.
const CONNECTIONS_MAX: usize = 8_192;
/// Longest wait for a request's head: boxes send it at once.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: a box's next request follows at once.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Longest wait for requests under way at a stop, in seconds. What is cut is gone on with.
const STOP_TIMEOUT_S: u64 = 5;
/// How often whoever answers says that it does, and that the threads do.
const BEAT: Duration = Duration::from_secs(1);
/// Threads that wait for the register and the disk.
const BLOCKING_THREADS: usize = 8;

/// A running hub.
pub struct Listening {
    address: SocketAddr,
    beats: Arc<AtomicU64>,
    server: ServerHandle,
    tides: web::Data<Tides>,
    thread: JoinHandle<io::Result<()>>,
}

impl Listening {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it still serves.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// How often whoever answers has said that it does: each second, unless it hangs, or all of its threads do.
    #[must_use]
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Stops accepting, lets requests under way finish for some seconds, and waits for the end. Blocks.
    ///
    /// # Errors
    /// What ended the server, when it was not this call.
    pub fn stop(self) -> io::Result<()> {
        // Boxes that wait for what is urgent are let go: they ask whoever serves next.
        self.tides.end();
        // The order is given by the call; its future only tells when it is carried out, which the join does too.
        drop(self.server.stop(true));
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the hub's thread panicked")))
    }
}

/// Serves a hub, on a thread of its own. `tls` asks boxes for their certificates, and lets in those who have none: they can
/// do nothing but enrol.
///
/// # Errors
/// The listener cannot be used, or the system gives no thread.
pub fn serve(hub: Arc<Hub>, listener: TcpListener, tls: ServerConfig) -> io::Result<Listening> {
    let address = listener.local_addr()?;
    let (started, handle) = mpsc::channel();
    let tides = web::Data::new(Tides::default());
    let of_thread = tides.clone();
    let beats = Arc::<AtomicU64>::default();
    let beating = Arc::clone(&beats);
    let thread = std::thread::Builder::new().name("hub".to_owned()).spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let (hub, tides) = (web::Data::from(hub), of_thread);
            let server = build(hub.clone(), tides.clone(), listener, tls, beating)?;
            drop(actix_web::rt::spawn(Tides::keep(tides, hub)));
            // A starter that is gone has nobody left to serve for.
            match started.send(server.handle()) {
                Ok(()) => server.await,
                Err(_) => Ok(()),
            }
        })
    })?;
    match handle.recv() {
        Ok(server) => Ok(Listening { address, beats, server, tides, thread }),
        Err(_) => Err(match thread.join() {
            Ok(Err(error)) => error,
            Ok(Ok(())) | Err(_) => io::Error::other("the hub's thread ended at once"),
        }),
    }
}

fn build(
    hub: web::Data<Hub>,
    tides: web::Data<Tides>,
    listener: TcpListener,
    tls: ServerConfig,
    beats: Arc<AtomicU64>,
) -> io::Result<Server> {
    let (turns, readers) = (web::Data::new(Turns::default()), web::Data::new(Readers::default()));
    let server = HttpServer::new(move || {
        // This runs on the thread that will answer: what is spawned here stops where that hangs, and ends with it.
        let beats = Arc::clone(&beats);
        drop(actix_web::rt::spawn(async move {
            loop {
                actix_web::rt::time::sleep(BEAT).await;
                // It counts once a thread was free for it: where all of them hang, nobody is answered.
                if web::block(|| {}).await.is_ok() {
                    beats.fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
        App::new()
            .app_data(hub.clone())
            .app_data(tides.clone())
            .app_data(turns.clone())
            .app_data(readers.clone())
            .wrap(
                DefaultHeaders::new()
                    .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
                    .add((header::CACHE_CONTROL, "no-store")),
            )
            .configure(api::configure)
            .configure(files::configure)
            .configure(snapshots::configure)
            .configure(releases::configure)
            .configure(library::configure)
            .configure(urgent::configure)
            .configure(description::configure)
            .configure(web_names::configure)
            .configure(lists::configure)
            .default_service(web::to(pages::serve))
    });
    let server = server
        .workers(1)
        .worker_max_blocking_threads(BLOCKING_THREADS)
        .on_connect(caller::note)
        .max_connections(CONNECTIONS_MAX)
        .max_connection_rate(CONNECTIONS_MAX)
        .client_request_timeout(REQUEST_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(STOP_TIMEOUT_S)
        .disable_signals();
    Ok(server.listen_rustls_0_23(listener, tls)?.run())
}
