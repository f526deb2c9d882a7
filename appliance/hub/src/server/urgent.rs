//! What does not wait for the night: a box asks whether there is something new, and is answered once there is, or after some fifty seconds; what
//! a school asks arrives at once. And what is said to one school.

use actix_web::{HttpRequest, HttpResponse, web};
use replication::limits::REQUESTS_MAX;
use replication::{Refusal, SchoolRequests, Tide};

use super::api::{answer, block, refuse};
use super::caller;
use crate::enrolling::tell;
use crate::register::BoxState;
use crate::register::wishes::Came;
use crate::tides::Tides;
use crate::{Hub, sheets, wishes};

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/api/v1/urgent", web::get().to(wait))
        .route("/api/v1/sheet", web::get().to(sheet))
        .route("/api/v1/requests", web::post().to(ask));
}

/// Answers once there is something that the box has not seen. What is said is a number: the box fetches what is signed.
async fn wait(
    request: HttpRequest,
    seen: Option<web::Query<Tide>>,
    hub: web::Data<Hub>,
    tides: web::Data<Tides>,
) -> HttpResponse {
    let Some(web::Query(seen)) = seen else { return refuse(Refusal::Malformed) };
    let shown = caller::shown(&request);
    let look = web::block(move || {
        let of = caller::find(&hub, shown)?;
        let tide = sheets::tide_of(&*hub.register, &of.uai)?;
        Ok::<_, Refusal>((of, tide))
    });
    let (of, tide): (BoxState, Tide) = match look.await {
        Ok(Ok(found)) => found,
        Ok(Err(refusal)) => return refuse(refusal),
        Err(_) => return refuse(Refusal::Broken),
    };
    if tide.is_beyond(seen) {
        return HttpResponse::Ok().json(tide);
    }
    match tides.wait(of.id, &of.uai, seen).await {
        Ok(heard) => HttpResponse::Ok().json(heard.unwrap_or(tide)),
        Err(refusal) => refuse(refusal),
    }
}

async fn sheet(request: HttpRequest, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    block(move || {
        let of = caller::find(&hub, shown)?;
        sheets::sign(&*hub.register, &hub.witness, &of.uai, (hub.clock)())
    })
    .await
}

/// Keeps what a school asks. Sent again, it is the same.
async fn ask(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    answer(payload, move |message: SchoolRequests| {
        let of = caller::find(&hub, shown)?;
        if message.requests.len() > REQUESTS_MAX || message.requests.iter().any(|it| it.read().is_none()) {
            return Err(Refusal::Malformed);
        }
        for request in &message.requests {
            match hub.register.add_wish(&of.uai, request, (hub.clock)()).map_err(tell)? {
                Came::New { is_told: true } => wishes::tell_people(&hub, &of.uai, request),
                Came::New { is_told: false } | Came::Known => {}
                Came::TooMany => return Err(Refusal::TooMuch),
            }
        }
        Ok(())
    })
    .await
}
