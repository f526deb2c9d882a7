//! What does not wait for the night: a box asks whether there is something new, and is answered once there is, or after some fifty seconds; what
//! a school asks arrives at once. And what is said to one school.

use actix_web::{HttpRequest, HttpResponse, web};
use replication::limits::REQUESTS_MAX;
use replication::{Refusal, SchoolRequest, SchoolRequests, Tide};

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
        if message.requests.len() > REQUESTS_MAX {
            return Err(Refusal::Malformed);
        }
        keep(&hub, &of.uai, &message.requests)
    })
    .await
}

/// Keeps what can be read and has room: one that cannot, or has none, keeps no other.
fn keep(hub: &Hub, uai: &str, requests: &[SchoolRequest]) -> Result<(), Refusal> {
    let readable: Vec<_> = requests.iter().filter(|request| request.read().is_some()).collect();
    if readable.len() < requests.len() {
        let count = requests.len() - readable.len();
        tracing::warn!(school = uai, count, "requests of a school cannot be read: they are passed over");
    }
    let mut is_full = false;
    for request in readable {
        let alerts = wishes::write_alerts(hub, uai, request).map_err(tell)?;
        let came = hub.register.add_wish(uai, request, &alerts, (hub.clock)()).map_err(tell)?;
        is_full |= came == Came::TooMany;
    }
    if is_full { Err(Refusal::TooMuch) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn what_cannot_be_read_keeps_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let request = |site: &str| SchoolRequest {
            site: site.to_owned(),
            wants: "permit".to_owned(),
            author: "Mme Martin".to_owned(),
            reason: "sortie".to_owned(),
            is_urgent: false,
            asked_ms: 1,
        };
        let asked = ["a.example", "..", "b.example"].map(request);
        keep(&hub, fixture::UAI, &asked).unwrap();
        let sites: Vec<_> =
            hub.register.wishes(9).unwrap().into_iter().map(|wish| wish.request.site).collect();
        assert_eq!(sites, ["a.example", "b.example"]);
    }
}
