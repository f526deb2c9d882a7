//! Messages: what is asked, and what is answered.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use replication::limits::MESSAGE_BYTES_MAX;
use replication::{
    ConfigurationHealth, Encoded, Enrolled, EnrolmentRequest, Growth, Health, LibraryHealth, LogState,
    Refusal, ReleaseHealth, SelftestHealth, Signed, SignedPolicy, read_json,
};
use serde::{Deserialize, Serialize};

use super::caller;
use crate::enrolling::{is_version, tell};
use crate::register::history::Report;
use crate::register::{BoxState, Fingerprint};
use crate::{Hub, signing};

/// Longest wait for a message: the slowest line brings 64 KiB in less.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/api/v1/enrolment", web::post().to(begin))
        .route("/api/v1/enrolment/proof", web::post().to(prove))
        .route("/api/v1/certificate", web::post().to(renew))
        .route("/api/v1/log", web::get().to(log))
        .route("/api/v1/log", web::post().to(sign))
        .route("/api/v1/policy", web::get().to(policy))
        .route("/api/v1/health", web::post().to(note_health));
}

async fn begin(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let Some(from) = request.peer_addr() else { return refuse(Refusal::Malformed) };
    answer(payload, move |message| hub.enroller.begin(&*hub.register, from.ip(), &message, (hub.clock)()))
        .await
}

async fn prove(payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    answer(payload, move |message| hub.enroller.prove(&*hub.register, &message, (hub.clock)())).await
}

/// Another year for a box. Its key may be the one before, or another.
async fn renew(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    answer(payload, move |message: EnrolmentRequest| {
        let of = caller::find(&hub, shown)?;
        let membership = hub.enroller.certify(&message.public_key.0, &of.uai, (hub.clock)())?;
        let fingerprint = Fingerprint::of(&membership.certificate_der);
        hub.register.add_certificate(of.id, fingerprint, membership.until).map_err(tell)?;
        let schools = hub.register.schools().map_err(tell)?;
        let school = schools.into_iter().find(|school| school.uai == of.uai).ok_or(Refusal::Broken)?;
        Ok(Enrolled {
            box_id: of.id.0,
            certificate: Encoded(membership.certificate_der),
            valid_ms: (membership.from.unix_ms(), membership.until.unix_ms()),
            school,
            witness_key: hub.enroller.witness_key.clone(),
            replaces: false,
        })
    })
    .await
}

async fn log(request: HttpRequest, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    block(move || caller::find(&hub, shown).map(|of| LogState { size: of.log_size })).await
}

async fn sign(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    answer(payload, move |growth: Growth| -> Result<Signed, Refusal> {
        let of = caller::find(&hub, shown)?;
        signing::sign(&*hub.register, &hub.witness, &of, &growth, (hub.clock)())
    })
    .await
}

async fn policy(request: HttpRequest, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    block(move || {
        caller::find(&hub, shown)?;
        let policy = hub.register.policy().map_err(tell)?;
        Ok(SignedPolicy { note: policy.map(|(_, note)| note) })
    })
    .await
}

async fn note_health(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    answer(payload, move |health: Health| {
        let of: BoxState = caller::find(&hub, shown)?;
        // What no box tells of releases, self-tests or its configuration is shown to nobody; the rest of its health counts.
        let release = health.release.clone().filter(ReleaseHealth::is_right);
        let selftest = health.selftest.clone().filter(SelftestHealth::is_right);
        let configuration = health.configuration.clone().filter(ConfigurationHealth::is_right);
        let library = health.library.clone().filter(LibraryHealth::is_right);
        let health = Health { release, selftest, configuration, library, ..health };
        let text = serde_json::to_string(&health).map_err(|_| Refusal::Malformed)?;
        // Both are shown to people.
        if !is_version(&health.version) || !is_version(&health.clock) {
            return Err(Refusal::Malformed);
        }
        hub.register.note_health(of.id, &health.version, &text, (hub.clock)()).map_err(tell)?;
        let Some(office) = &hub.office else { return Ok(()) };
        // What a school shows is looked at as it is now; a year of it would be most of the register.
        let health = Health { categories: vec![], library: None, ..health };
        let health = serde_json::to_string(&health).map_err(|_| Refusal::Malformed)?;
        let report = Report { at: (hub.clock)(), health };
        office.history.keep_report(of.id, &report).map_err(tell)
    })
    .await
}

/// Reads a message, and answers it on a thread that may wait for the register.
pub(super) async fn answer<M, A>(
    payload: web::Payload,
    work: impl FnOnce(M) -> Result<A, Refusal> + Send + 'static,
) -> HttpResponse
where
    M: for<'m> Deserialize<'m> + Send + 'static,
    A: Serialize + Send + 'static,
{
    let body = actix_web::rt::time::timeout(MESSAGE_TIMEOUT, payload.to_bytes_limited(MESSAGE_BYTES_MAX));
    let message = match body.await {
        Ok(Ok(Ok(body))) => read_json(&body),
        // Too slow, too long, or cut.
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => None,
    };
    match message {
        Some(message) => block(move || work(message)).await,
        None => refuse(Refusal::Malformed),
    }
}

/// Answers on a thread that may wait.
pub(super) async fn block<A: Serialize + Send + 'static>(
    work: impl FnOnce() -> Result<A, Refusal> + Send + 'static,
) -> HttpResponse {
    match web::block(work).await {
        Ok(Ok(answer)) => HttpResponse::Ok().json(answer),
        Ok(Err(refusal)) => refuse(refusal),
        Err(_) => refuse(Refusal::Broken),
    }
}

/// A refusal, with its name in the body: what a status means to people, boxes do not have to guess.
pub(super) fn refuse(refusal: Refusal) -> HttpResponse {
    let status = match refusal {
        Refusal::Malformed => StatusCode::BAD_REQUEST,
        Refusal::UnknownBox => StatusCode::UNAUTHORIZED,
        Refusal::WrongCode | Refusal::RevokedBox => StatusCode::FORBIDDEN,
        Refusal::UsedCode | Refusal::Fork | Refusal::WrongOffset => StatusCode::CONFLICT,
        Refusal::ExpiredCode | Refusal::BurntCode => StatusCode::GONE,
        Refusal::NoState | Refusal::NoRelease | Refusal::NoFile => StatusCode::NOT_FOUND,
        Refusal::TooMuch => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::WrongHash => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::TooOften => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Broken => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = HttpResponse::build(status);
    if refusal == Refusal::TooOften {
        response.insert_header((header::RETRY_AFTER, "60"));
    }
    response.json(refusal)
}
