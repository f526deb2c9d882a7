//! The portal's own HTTP server, on its own thread.

mod devices;
mod enrol;
mod journal;
mod keys;
mod lesson;
mod library;
mod live;
mod names;
mod networks;
mod page;
mod people;
mod places;
mod points;
mod technician;
mod telephone;
pub(crate) mod visit;

use std::cell::OnceCell;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::DefaultHeaders;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::stream::{FuturesUnordered, StreamExt};
use model::{ClockQuality, Host};
use rustls::ServerConfig;
use zeroize::{Zeroize as _, Zeroizing};

use crate::client::{find_client, is_own_authority};
use crate::library::{LIBRARY_PATH, library_path};
use crate::pages::people::{TeacherPage, WifiSheet};
use crate::pages::{
    Asking, CONTENT_SECURITY_POLICY, Certificate, Charter, Closed, Home, LIVE_SECURITY_POLICY, Legal, Notice,
    Place, Why,
};
use crate::{AnswerNames, Authority, Callers, Front, Language, Notices, Office, StatusSource};
use page::Page;
use people::{Answer, Content};
use places::Places;
use visit::Visit;

/// Most connections at once, in clear and by TLS each: more than the gate lets in by both ways together, so that nobody waits
/// here for a place that others hold.
const CONNECTIONS_MAX: usize = 1_024;
/// Longest wait for a whole request head: a browser sends it at once, a slow loris never.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept for the next page.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Longest wait for open connections at a stop, in seconds: pages are short.
const STOP_TIMEOUT_S: u64 = 2;
/// Longest form that is read, in bytes: the longest has a motive of 200 characters, each of 12 bytes on its way.
const FORM_BYTES_MAX: usize = 8_192;
/// Threads that wait for the state file and for a secret's hash: of the latter the office lets fewer wait than these.
const BLOCKING_THREADS: usize = 4;

/// What tells a browser that trusts the box to come by HTTPS alone (RFC 6797): whoever types the box's name begins in clear, where
/// a pupil could answer in its place and be told a secret. For three weeks, longer than any holidays but the summer's, and
/// short enough for a school whose box has lost its authority.
const HTTPS_ALONE: &str = "max-age=1814400";

/// What the portal must know of its box.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What every page says of where it is shown.
    pub place: Place,
    /// The box's own names and addresses: requests for other hosts are turned away. Loopback addresses and
    /// `localhost` are always the box's own.
    pub own_hosts: Vec<Host>,
    /// What the school says of its network.
    pub notices: Notices,
}

/// What the pages are filled from.
pub struct Sources {
    /// How the box is.
    pub status: Arc<dyn StatusSource>,
    /// Who serves those who sign in, and those who ask for a site.
    pub office: Arc<dyn Office>,
}

/// Why the portal did not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The listener could not be put to use.
    #[error("the portal's listener cannot be used")]
    Listen(#[source] io::Error),
    /// The system gave no thread.
    #[error("the portal's thread cannot be started")]
    Thread(#[source] io::Error),
    /// The thread ended before it served.
    #[error("the portal's thread ended at once")]
    Lost,
}

/// A running portal.
#[derive(Debug)]
pub struct PortalHandle {
    servers: Vec<ServerHandle>,
    thread: JoinHandle<io::Result<()>>,
}

impl PortalHandle {
    /// Whether the portal still serves. A portal that stopped unasked is a fault that somebody should see.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Stops accepting, lets open connections finish for two seconds, and waits for the end. Blocks.
    ///
    /// # Errors
    /// What ended the server, when it was not this call.
    pub fn stop(self) -> io::Result<()> {
        // The order is given by the call; its future only tells when it is carried out, which the join does too.
        self.servers.iter().for_each(|server| drop(server.stop(true)));
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the portal's thread panicked")))
    }
}

/// Serves the portal on `listener` and, where there is a certificate, by TLS, on threads of its own: what happens to it cannot
/// delay an enforcement point. Each way has a thread and connections of its own: what comes in clear cannot keep back what
/// comes by TLS.
///
/// # Errors
/// [`SpawnError`] when the thread or the listener cannot be had.
pub fn spawn(
    settings: Settings,
    listener: TcpListener,
    sources: Sources,
    front: Option<Front>,
) -> Result<PortalHandle, SpawnError> {
    let (started, handle) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("portal".to_owned())
        .spawn(move || {
            actix_web::rt::System::new().block_on(run(settings, listener, sources, front, started))
        })
        .map_err(SpawnError::Thread)?;
    let servers = handle.recv().map_err(|_| SpawnError::Lost)?.map_err(SpawnError::Listen)?;
    Ok(PortalHandle { servers, thread })
}

/// Tells the starter how to stop the servers, or why there are none, and serves to the end.
async fn run(
    settings: Settings,
    listener: TcpListener,
    sources: Sources,
    front: Option<Front>,
    started: mpsc::Sender<io::Result<Vec<ServerHandle>>>,
) -> io::Result<()> {
    let (servers, answer) = match build(settings, listener, sources, front) {
        Ok(servers) => {
            let handles = servers.iter().map(Server::handle).collect();
            (servers, Ok(handles))
        }
        Err(error) => (vec![], Err(error)),
    };
    // A starter that is gone has nobody left to serve for.
    match started.send(answer) {
        Ok(()) => serve_all(servers).await,
        Err(_) => Ok(()),
    }
}

/// Serves until all are stopped. Where one ends, the others have to: a portal that is half there is none.
async fn serve_all(servers: Vec<Server>) -> io::Result<()> {
    let handles: Vec<_> = servers.iter().map(Server::handle).collect();
    let mut serving: FuturesUnordered<_> = servers.into_iter().collect();
    let mut outcome = Ok(());
    while let Some(ended) = serving.next().await {
        outcome = outcome.and(ended);
        handles.iter().for_each(|server| drop(server.stop(true)));
    }
    outcome
}

/// What every request is answered from.
struct Portal {
    settings: Settings,
    source: Arc<dyn StatusSource>,
    office: Arc<dyn Office>,
    front: Option<Behind>,
    streams: Arc<Places>,
    files: Arc<Places>,
}

/// What stands behind the portal by TLS.
struct Behind {
    callers: Arc<dyn Callers>,
    resolver: Arc<dyn AnswerNames>,
    authority: Authority,
}

/// A connection by TLS.
#[derive(Default)]
struct Connection {
    /// Who talks through it, once that has been looked up. It holds for all that comes: the note of whose it is goes when the
    /// client does, and what he has left behind is still his.
    caller: OnceCell<Option<IpAddr>>,
}

impl Portal {
    /// Who asks, when it is by TLS; `None` where nobody knows: then nothing is answered.
    fn caller(&self, request: &HttpRequest) -> Option<IpAddr> {
        let (front, end) = (self.front.as_ref()?, request.peer_addr()?);
        let connection = request.conn_data::<Connection>()?;
        *connection.caller.get_or_init(|| front.callers.find(end).map(|address| address.to_canonical()))
    }

    /// Who vouches for the box.
    fn authority(&self) -> Option<&Authority> {
        self.front.as_ref().map(|front| &front.authority)
    }

    /// Who asks, however.
    fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        if request.app_config().secure() {
            return self.caller(request);
        }
        let forwarded = find_field(request, &header::X_FORWARDED_FOR);
        Some(find_client(request.peer_addr()?, forwarded))
    }
}

fn build(
    settings: Settings,
    listener: TcpListener,
    sources: Sources,
    front: Option<Front>,
) -> io::Result<Vec<Server>> {
    let (front, tls) = match front {
        Some(Front { listener, tls, callers, resolver, authority }) => {
            (Some(Behind { callers, resolver, authority }), Some((listener, tls)))
        }
        None => (None, None),
    };
    let Sources { status: source, office } = sources;
    let streams = Places::new(live::STREAMS_MAX, live::OF_A_CLIENT_MAX);
    let files = Places::new(library::FILES_MAX, library::OF_A_CLIENT_MAX);
    let portal = web::Data::new(Portal { settings, source, office, front, streams, files });
    let tls = tls.map(|(listener, tls)| build_server(portal.clone(), listener, Some(tls)));
    std::iter::once(build_server(portal, listener, None)).chain(tls).collect()
}

/// One way to the portal, with a thread and connections of its own.
fn build_server(
    portal: web::Data<Portal>,
    listener: TcpListener,
    tls: Option<ServerConfig>,
) -> io::Result<Server> {
    let is_encrypted = tls.is_some();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(portal.clone())
            .wrap(security_headers(is_encrypted))
            .route(Authority::NAMES_PATH, web::to(names::serve))
            .default_service(web::to(
                async |request: HttpRequest, payload: web::Payload, portal: web::Data<Portal>| {
                    answer(&request, payload, portal).await
                },
            ))
    });
    let server = server
        .workers(1)
        .worker_max_blocking_threads(BLOCKING_THREADS)
        .on_connect(|_, data| {
            let _none_before = data.insert(Connection::default());
        })
        .max_connections(CONNECTIONS_MAX)
        // Whoever dawdles over a handshake keeps nobody else from his.
        .max_connection_rate(CONNECTIONS_MAX)
        .client_request_timeout(REQUEST_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(STOP_TIMEOUT_S)
        .disable_signals();
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

fn security_headers(is_encrypted: bool) -> DefaultHeaders {
    let headers = match is_encrypted {
        true => DefaultHeaders::new().add((header::STRICT_TRANSPORT_SECURITY, HTTPS_ALONE)),
        // In clear it would be worth nothing, and browsers ignore it.
        false => DefaultHeaders::new(),
    };
    headers
        .add((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        // With `no-referrer`, a browser would not say either that a form comes from the box's own page.
        .add((header::REFERRER_POLICY, "same-origin"))
        .add((header::X_FRAME_OPTIONS, "DENY"))
        // What a page tells depends on who looks, and changes by the second.
        .add((header::CACHE_CONTROL, "no-store"))
}

async fn answer(request: &HttpRequest, payload: web::Payload, portal: web::Data<Portal>) -> HttpResponse {
    let language = Language::negotiate(find_field(request, &header::ACCEPT_LANGUAGE));
    let place = &portal.settings.place;
    if !is_own_authority(find_authority(request), &portal.settings.own_hosts) {
        // A rebound name learns nothing of the school.
        return notice(Notice::Misdirected, &Place::nowhere(), language);
    }
    let is_post = *request.method() == Method::POST;
    let page = Page::find(request.path()).filter(|page| page.takes(is_post));
    let is_taken = matches!(*request.method(), Method::GET | Method::HEAD) || is_post && page.is_some();
    if !is_taken {
        return notice(Notice::Method, place, language);
    }
    let Some(client) = portal.client(request) else {
        return part(notice(Notice::Misdirected, place, language));
    };
    match request.path() {
        "/" => home(&portal, client, language),
        path if is_page(path, Certificate::PATH) => certificate(&portal, language),
        path if is_page(path, Charter::PATH) => {
            let page = Charter { place, notices: &portal.settings.notices };
            respond(Charter::STATUS, page.render(language), language)
        }
        path if is_page(path, Legal::PATH) => {
            let page = Legal { place, notices: &portal.settings.notices };
            respond(Legal::STATUS, page.render(language), language)
        }
        Certificate::FILE_PATH => certificate_file(&portal, language),
        TeacherPage::SCRIPT_PATH => live::script(),
        path if path.starts_with(LIBRARY_PATH) => {
            let file = library::serve(request, web::Data::clone(&portal), client).await;
            file.unwrap_or_else(|| notice(Notice::NotFound, place, language))
        }
        TeacherPage::LIVE_PATH => {
            let visit = Visit::read(request, &[], client, language);
            live::follow(web::Data::clone(&portal), &visit).await
        }
        _ => match page {
            Some(page) => {
                let Some(body) = read_form(payload, is_post).await else {
                    return notice(Notice::Forged, place, language);
                };
                let visit = Visit::read(request, &body, client, language);
                answer_form(web::Data::clone(&portal), visit, page).await
            }
            None => notice(Notice::NotFound, place, language),
        },
    }
}

/// Whether a path is that of a page, as people type it.
fn is_page(path: &str, page: &str) -> bool {
    path.strip_suffix('/').unwrap_or(path).eq_ignore_ascii_case(page)
}

/// The form of a request, which is wiped: it may have a secret. `None` when it is too long, or does not arrive.
async fn read_form(payload: web::Payload, is_post: bool) -> Option<Zeroizing<Vec<u8>>> {
    if !is_post {
        return Some(Zeroizing::default());
    }
    let body = payload.to_bytes_limited(FORM_BYTES_MAX);
    let body = actix_web::rt::time::timeout(REQUEST_TIMEOUT, body).await.ok()?.ok()?.ok()?;
    let form = Zeroizing::new(body.to_vec());
    // Nobody else has it: it was collected for this.
    if let Ok(mut body) = body.try_into_mut() {
        body.as_mut().zeroize();
    }
    Some(form)
}

/// Answers on a thread that may wait for the office.
async fn answer_form(portal: web::Data<Portal>, visit: Visit, page: Page) -> HttpResponse {
    let (language, is_encrypted) = (visit.language, visit.is_encrypted);
    let place = portal.settings.place.clone();
    let answer = web::block(move || people::answer(&portal, &visit, page)).await;
    let Ok(Answer { content, cookies }) = answer else { return notice(Notice::NotFound, &place, language) };
    let mut response = match content {
        Content::Page(status, html) => respond(status, html, language),
        Content::Live(status, html) => respond_under(LIVE_SECURITY_POLICY, status, html, language),
        Content::Sheet(status, html) => respond_under(WifiSheet::SECURITY_POLICY, status, html, language),
        Content::Closed(html) => {
            let mut response = respond(Closed::STATUS, html, language);
            response.headers_mut().insert(header::RETRY_AFTER, Closed::RETRY_AFTER_S.into());
            response
        }
        Content::See(path) => HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish(),
        Content::SeeAt(path) => HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish(),
        Content::File(name, bytes) => HttpResponse::Ok()
            .content_type("application/zip")
            .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
            .body(bytes),
        Content::Join(kind, name, bytes) => HttpResponse::Ok()
            .content_type(kind.media_type())
            .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
            .body(bytes),
        Content::Packed(name, bytes) => HttpResponse::Ok()
            .content_type("application/gzip")
            .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
            .body(bytes),
        Content::Text(name, text) => HttpResponse::Ok()
            .content_type("text/plain; charset=utf-8")
            .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
            .body(text),
    };
    for field in cookies.iter().filter_map(|(jar, value)| jar.set(value.as_deref(), is_encrypted)) {
        response.headers_mut().append(header::SET_COOKIE, field);
    }
    response
}

fn home(portal: &Portal, client: IpAddr, language: Language) -> HttpResponse {
    let place = &portal.settings.place;
    let (status, visitor) = (portal.source.status(), portal.source.identify(client));
    let prepared = portal.source.prepared(client).into_iter();
    let prepared = prepared.map(|it| (it.place.to_string(), it.title.to_string()));
    let files = portal.source.library(client).into_iter();
    let files = files.map(|file| (library_path(&file), file.title.to_string()));
    let prepared: Vec<(String, String)> = prepared.chain(files).collect();
    let enrolment = portal.source.enrolment();
    let enrolment = enrolment.as_ref();
    let page = Home { place, status: &status, visitor: &visitor, client, prepared: &prepared, enrolment };
    respond(Home::STATUS, page.render(language), language)
}

/// The page of the last refusals; as an error the page of a closed web: then everything is refused, and nothing of it
/// can be remembered.
fn why(
    portal: &Portal,
    client: IpAddr,
    language: Language,
    asking: Option<Asking<'_>>,
) -> Result<String, String> {
    let place = &portal.settings.place;
    let status = portal.source.status();
    if !status.is_open {
        return Err(Closed { place, host: None }.render(language));
    }
    let (visitor, refusals) = (portal.source.identify(client), portal.source.recall_refusals(client));
    let is_clock_set = status.clock != ClockQuality::Unset;
    let page = Why { place, visitor: &visitor, client, refusals: &refusals, is_clock_set, asking };
    Ok(page.render(language))
}

fn certificate(portal: &Portal, language: Language) -> HttpResponse {
    let page = Certificate { place: &portal.settings.place, authority: portal.authority() };
    respond(page.status(), page.render(language), language)
}

fn certificate_file(portal: &Portal, language: Language) -> HttpResponse {
    let Some(authority) = portal.authority() else { return certificate(portal, language) };
    HttpResponse::Ok()
        .content_type("application/x-x509-ca-cert")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"preau.crt\""))
        .body(authority.certificate_der.clone())
}

fn notice(notice: Notice, place: &Place, language: Language) -> HttpResponse {
    let mut response = respond(notice.status(), notice.render(place, language), language);
    if notice == Notice::Method {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// The last answer on a connection.
fn part(mut response: HttpResponse) -> HttpResponse {
    response.head_mut().set_connection_type(ConnectionType::Close);
    response
}

fn respond(status: u16, page: String, language: Language) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_LANGUAGE, language.tag()))
        .body(page)
}

/// The same under another policy than most pages have.
fn respond_under(policy: &'static str, status: u16, page: String, language: Language) -> HttpResponse {
    let mut response = respond(status, page, language);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

/// The host that a request names: in an absolute target, which counts first (RFC 9112 section 3.2.2), or in
/// `Host`.
pub(crate) fn find_authority(request: &HttpRequest) -> &str {
    match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => find_field(request, &header::HOST).unwrap_or_default(),
    }
}

/// The text of a field, where it stands once and is text.
pub(crate) fn find_field<'r>(request: &'r HttpRequest, name: &HeaderName) -> Option<&'r str> {
    let mut values = request.headers().get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
