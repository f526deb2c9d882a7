//! The pages: a request becomes one call, and a page or a redirection.

mod account;
mod locks;
mod rules;
mod school;
mod settings;
mod upload;
mod wishes;

use std::time::Duration;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use model::Timestamp;
use portal::Language;
use portal::shared::{Jar, Visit, draw_visitor, token_of};
use replication::limits::CONFIGURATION_BYTES_MAX;
use zeroize::{Zeroize as _, Zeroizing};

use super::description;
use crate::fleet::{Measure, Sight, judge_all};
use crate::metrics;
use crate::office::{Office, Signed, Trouble};
use crate::pages::account::{status_of, trouble};
use crate::pages::{Bar, Place, SECURITY_POLICY, desk, fleet, lists, releases};
use crate::policy::read_policy;
use crate::register::people::{Duty, Member};
use crate::{Hub, survey};

/// Longest form that is read, in bytes: the longest has a box's configuration, of which each byte may be written as three.
const FORM_BYTES_MAX: usize = 3 * CONFIGURATION_BYTES_MAX + 1_024;
/// Longest wait for one.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
/// Acts and alerts that a page shows: a month of a busy service.
const SHOWN_MAX: u32 = 500;
/// What tells a browser that trusts the hub to come by HTTPS alone (RFC 6797).
const HTTPS_ALONE: &str = "max-age=1814400";

/// What a request is answered by.
pub(super) struct Answer {
    content: Content,
    /// Cookies to keep, or to forget.
    cookies: Vec<(Jar, Option<String>)>,
}

enum Content {
    /// A page with its status.
    Page(u16, String),
    /// Another page, to be read next.
    See(String),
    /// A file to be taken away: its name, its kind, its bytes.
    File(String, &'static str, Vec<u8>),
    /// What a program reads.
    Text(String),
    /// Nothing, for a program that shows no token, or another one.
    Locked,
}

impl Answer {
    fn page(html: String) -> Self {
        Self::of(Content::Page(200, html))
    }

    fn of(content: Content) -> Self {
        Self { content, cookies: Vec::new() }
    }

    fn see(path: impl Into<String>) -> Self {
        Self::of(Content::See(path.into()))
    }

    fn with(mut self, jar: Jar, value: Option<String>) -> Self {
        self.cookies.push((jar, value));
        self
    }
}

/// What a page is made from.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    hub: &'a Hub,
    office: &'a Office,
    visit: &'a Visit,
    place: Place<'a>,
    now: Timestamp,
}

/// Answers whatever the API does not.
pub(super) async fn serve(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    if let Some(refused) = description::refuse_method(&request) {
        return refused;
    }
    let (Some(_), Some(from), false) =
        (&hub.office, request.peer_addr(), request.path().starts_with("/api/"))
    else {
        return HttpResponse::NotFound().finish();
    };
    let is_post = *request.method() == Method::POST;
    if !is_post && !matches!(*request.method(), Method::GET | Method::HEAD) {
        return HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET, HEAD, POST")).finish();
    }
    if is_post && request.path() == upload::PATH {
        return upload::receive(&request, payload, hub).await;
    }
    let Some(body) = read_form(payload, is_post).await else { return HttpResponse::BadRequest().finish() };
    let field = |name: &HeaderName| request.headers().get(name).and_then(|field| field.to_str().ok());
    let language = Language::negotiate(field(&header::ACCEPT_LANGUAGE));
    let bearer = field(&header::AUTHORIZATION).map(str::to_owned);
    let visit = Visit::read(&request, &body, from.ip().to_canonical(), language);
    let (path, is_encrypted) = (request.path().to_owned(), visit.is_encrypted);
    let answer = web::block(move || {
        let office = hub.office.as_ref()?;
        let settings = &office.settings;
        let place = Place { commune: &settings.commune, timezone: &settings.timezone, language };
        let desk = Desk { hub: &hub, office, visit: &visit, place, now: (hub.clock)() };
        desk.answer(&path, bearer.as_deref())
    });
    match answer.await {
        Ok(Some(answer)) => respond(answer, language, is_encrypted),
        Ok(None) => HttpResponse::NotFound().finish(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

/// The form of a request, which is wiped: it may have a secret. `None` when it is too long, or does not arrive.
async fn read_form(payload: web::Payload, is_post: bool) -> Option<Zeroizing<Vec<u8>>> {
    if !is_post {
        return Some(Zeroizing::default());
    }
    let body = payload.to_bytes_limited(FORM_BYTES_MAX);
    let body = actix_web::rt::time::timeout(FORM_TIMEOUT, body).await.ok()?.ok()?.ok()?;
    let form = Zeroizing::new(body.to_vec());
    if let Ok(mut body) = body.try_into_mut() {
        body.as_mut().zeroize();
    }
    Some(form)
}

fn respond(answer: Answer, language: Language, is_encrypted: bool) -> HttpResponse {
    let mut response = match answer.content {
        Content::Page(status, html) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            HttpResponse::build(status)
                .content_type("text/html; charset=utf-8")
                .insert_header((header::CONTENT_LANGUAGE, language.tag()))
                .body(html)
        }
        Content::See(path) => HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish(),
        Content::File(name, kind, bytes) => HttpResponse::Ok()
            .content_type(kind)
            .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
            .body(bytes),
        Content::Text(text) => HttpResponse::Ok().content_type(metrics::KIND).body(text),
        Content::Locked => {
            HttpResponse::Unauthorized().insert_header((header::WWW_AUTHENTICATE, "Bearer")).finish()
        }
    };
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::STRICT_TRANSPORT_SECURITY, HTTPS_ALONE),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (jar, value) in answer.cookies {
        if let Some(field) = jar.set(value.as_deref(), is_encrypted) {
            headers.append(header::SET_COOKIE, field);
        }
    }
    response
}

impl<'a> Desk<'a> {
    fn answer(self, path: &str, bearer: Option<&str>) -> Option<Answer> {
        let path = path.trim_end_matches('/');
        match (path, self.visit.is_post) {
            ("/metrics", false) if self.office.may_measure(bearer) => {
                return Some(self.or_tell(self.metrics(), None));
            }
            ("/metrics", false) if self.office.settings.metrics.is_some() => {
                return Some(Answer::of(Content::Locked));
            }
            ("/metrics", false) => return None,
            ("/certificat.crt", false) => return Some(self.certificate()),
            ("/connexion", _) => return Some(self.or_tell(self.sign_in(), None)),
            ("/connexion/compte", false) => return Some(self.or_tell(self.depart(), None)),
            ("/connexion/retour", false) => return Some(self.or_tell(self.arrive(), None)),
            _ => {}
        }
        let signed = match self.find_signed() {
            Ok(Some(signed)) => signed,
            Ok(None) => return Some(Answer::see("/connexion")),
            Err(error) => return Some(self.or_tell(Err(error), None)),
        };
        let answer = self.answer_signed(&signed, path);
        match answer {
            Err(Trouble::Unknown) if !self.visit.is_post => {
                let html = trouble(self.place, Some(self.bar(&signed, path)), Trouble::Unknown, "/");
                Some(Answer::of(Content::Page(404, html)))
            }
            answer => Some(self.or_tell(answer, Some((&signed, path)))),
        }
    }

    /// The pages of those who are signed in. Whoever has a drawn secret, or no telephone, sees to that before anything else.
    fn answer_signed(self, signed: &Signed, path: &str) -> Result<Answer, Trouble> {
        let is_post = self.visit.is_post;
        if is_post && !self.visit.is_own_form(Jar::Session) {
            return Err(Trouble::Field);
        }
        match path {
            "/deconnexion" if is_post => return self.sign_out(signed),
            "/code" if signed.owes_code => return self.code(signed),
            _ if signed.owes_code => return Ok(Answer::see("/code")),
            "/secret" => return self.secret(signed),
            _ if signed.member.has_first_secret => return Ok(Answer::see("/secret")),
            "/telephone" => return self.phone(signed),
            _ if !signed.member.has_key => return Ok(Answer::see("/telephone")),
            _ => {}
        }
        match (path, is_post) {
            ("", false) => self.fleet(signed),
            ("/ecoles", true) => self.add_school(signed),
            ("/regles", false) => self.rules(signed, None),
            ("/regles", true) => self.add_rule(signed),
            ("/regles/retirer", true) => self.remove_rule(signed),
            ("/categories", false) => self.locks(signed, None),
            ("/categories", true) => self.add_lock(signed),
            ("/categories/retirer", true) => self.remove_lock(signed),
            ("/demandes", false) => self.wishes(signed),
            ("/demandes", true) => self.answer_wish(signed),
            ("/demandes/retirer", true) => self.remove_school_rule(signed),
            ("/contenus", false) => self.contents(signed),
            ("/contenus", true) => self.add_content(signed),
            ("/contenus/retirer", true) => self.remove_content(signed),
            ("/fichiers", false) => self.library(signed),
            ("/fichiers/retirer", true) => self.remove_file(signed),
            ("/annonces", true) => self.add_notice(signed),
            ("/annonces/retirer", true) => self.remove_notice(signed),
            ("/listes", false) => self.lists(signed),
            ("/versions", false) => self.releases(signed),
            ("/alertes", false) => {
                let alerts = self.office.history.alerts(SHOWN_MAX)?;
                let channels: Vec<&str> =
                    self.office.settings.channels.iter().map(|channel| channel.as_str()).collect();
                Ok(Answer::page(desk::alerts(self.place, self.bar(signed, path), &channels, &alerts)))
            }
            ("/actes", false) => self.acts(signed),
            (path, is_post) => {
                let parts: Vec<&str> = path.split('/').skip(1).collect();
                match (parts.as_slice(), is_post) {
                    (["ecole", uai], false) => self.school(signed, uai),
                    (["ecole", uai, "code"], true) => self.make_code(signed, uai),
                    (["ecole", uai, "code", "annuler"], true) => self.cancel_code(signed, uai),
                    (["ecole", uai, "reglages"], false) => self.settings(signed, uai),
                    (["ecole", uai, "reglages"], true) => self.send_settings(signed, uai),
                    (["ecole", uai, "revoquer"], true) => self.revoke(signed, uai),
                    (["ecole", uai, "archive", id], false) => self.archive(signed, uai, id),
                    (["ecole", uai, "archive", id, size], false) => self.checkpoint(uai, id, size),
                    _ => Err(Trouble::Unknown),
                }
            }
        }
    }

    /// The acts, or those before the one whose number stands in the address.
    fn acts(self, signed: &Signed) -> Result<Answer, Trouble> {
        let before =
            self.visit.query("avant").map(|number| number.parse::<u64>().map_err(|_| Trouble::Unknown));
        let acts = self.office.staff.acts(before.transpose()?, SHOWN_MAX)?;
        let is_full = u32::try_from(acts.len()).is_ok_and(|count| count == SHOWN_MAX);
        let older = acts.last().filter(|_| is_full).map(|(number, _)| *number);
        Ok(Answer::page(desk::acts(self.place, self.bar(signed, "/actes"), &acts, older)))
    }

    /// Says why something was not done.
    fn or_tell(self, answer: Result<Answer, Trouble>, signed: Option<(&Signed, &str)>) -> Answer {
        answer.unwrap_or_else(|error| {
            let bar = signed.map(|(signed, path)| self.bar(signed, path));
            let back = signed.map_or("/", |(_, path)| back_of(path));
            Answer::of(Content::Page(status_of(error), trouble(self.place, bar, error, back)))
        })
    }

    fn find_signed(self) -> Result<Option<Signed>, Trouble> {
        match self.visit.cookie(Jar::Session) {
            Some(token) => self.office.enter(self.visit.client, token, self.now),
            None => Ok(None),
        }
    }

    fn bar(self, signed: &Signed, path: &str) -> Bar {
        let token = token_of(self.visit.cookie(Jar::Session).unwrap_or_default());
        let path = if path.is_empty() { "/" } else { path };
        // Whoever owes a code goes nowhere else.
        let has_key = signed.member.has_key && !signed.owes_code;
        Bar::new(self.place, &Member { has_key, ..signed.member.clone() }, &token, path)
    }

    /// The visitor's cookie, and whether it is new.
    fn visitor(self) -> Result<(String, bool), Trouble> {
        match self.visit.cookie(Jar::Visitor) {
            Some(cookie) => Ok((cookie.to_owned(), false)),
            None => Ok((draw_visitor().ok_or(Trouble::Unavailable)?, true)),
        }
    }

    fn allow(self, signed: &Signed, duty: Duty) -> Result<(), Trouble> {
        if signed.member.may(duty) { Ok(()) } else { Err(Trouble::Denied) }
    }

    /// All schools, as they are now.
    fn sights(self) -> Result<Vec<Sight>, Trouble> {
        let (schools, boxes) = (self.hub.register.schools()?, self.hub.register.boxes()?);
        let pending = self.hub.register.pending_web_orders()?;
        Ok(judge_all(schools, boxes, &pending, &self.measure()?))
    }

    fn measure(self) -> Result<Measure, Trouble> {
        survey::measure(&*self.hub.register, self.office.settings.nights, self.now)
    }

    fn fleet(self, signed: &Signed) -> Result<Answer, Trouble> {
        let (sights, standings) = (self.sights()?, self.office.history.standings()?);
        let may_add = signed.member.may(Duty::Technician);
        Ok(Answer::page(fleet::fleet(self.place, self.bar(signed, ""), &sights, &standings, may_add)))
    }

    fn metrics(self) -> Result<Answer, Trouble> {
        let sights = self.sights()?;
        let alerts = self.office.history.alerts(SHOWN_MAX)?;
        let serial = read_policy(&*self.hub.register).map(|policy| policy.serial).unwrap_or_default();
        Ok(Answer::of(Content::Text(metrics::write(&sights, &alerts, serial))))
    }

    fn lists(self, signed: &Signed) -> Result<Answer, Trouble> {
        let state = self.hub.lists.as_ref().and_then(crate::lists::ListShelf::state);
        let bar = self.bar(signed, "/listes");
        Ok(Answer::page(lists::lists(self.place, bar, state.as_ref(), &self.sights()?)))
    }

    fn releases(self, signed: &Signed) -> Result<Answer, Trouble> {
        let (held, offers) = (self.hub.register.releases()?, self.hub.register.offers()?);
        let bar = self.bar(signed, "/versions");
        Ok(Answer::page(releases::releases(self.place, bar, (&held, &offers), &self.sights()?)))
    }

    fn certificate(self) -> Answer {
        let der = self.office.settings.authority_der.clone();
        Answer::of(Content::File("preau-hub.crt".to_owned(), "application/x-x509-ca-cert", der))
    }
}

/// Where somebody goes on after what was not done.
fn back_of(path: &str) -> &str {
    let school = path.strip_prefix("/ecole/").and_then(|rest| rest.split('/').next());
    match (path, school) {
        (_, Some(uai)) => path.get(.."/ecole/".len() + uai.len()).unwrap_or("/"),
        ("/regles" | "/regles/retirer", _) => "/regles",
        ("/categories" | "/categories/retirer", _) => "/categories",
        ("/demandes" | "/demandes/retirer", _) => "/demandes",
        ("/contenus" | "/contenus/retirer" | "/annonces" | "/annonces/retirer", _) => "/contenus",
        ("/fichiers" | "/fichiers/retirer", _) => "/fichiers",
        ("/secret", _) => "/secret",
        _ => "/",
    }
}
