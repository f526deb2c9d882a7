//! The certificate for names that the commune owns: what is there for a box, and what it asks for.

use actix_web::{HttpRequest, HttpResponse, web};
use model::DomainName;
use pki::is_web_request;
use replication::limits::CERTIFICATE_REQUEST_BYTES_MAX;
use replication::{Refusal, WebRequest, WebState};

use super::api::{answer, block};
use super::caller;
use crate::Hub;
use crate::enrolling::tell;

pub(super) fn configure(app: &mut web::ServiceConfig) {
    app.route("/api/v1/web", web::get().to(state)).route("/api/v1/web", web::post().to(ask));
}

async fn state(request: HttpRequest, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    block(move || {
        let of = caller::find(&hub, shown)?;
        let names = hub.register.web_names().map_err(tell)?;
        let names = names.into_iter().filter(|(uai, _)| *uai == of.uai);
        let orders = hub.register.web_orders().map_err(tell)?;
        let made = orders.into_iter().find(|order| order.uai == of.uai).and_then(|order| order.made);
        Ok(WebState {
            names: names.map(|(_, name)| name.as_str().to_owned()).collect(),
            chain: made.map(|(chain, _)| chain),
        })
    })
    .await
}

/// Keeps what a box asks for: a certificate of the school's names, for a key that it has, and of nothing else.
async fn ask(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let shown = caller::shown(&request);
    answer(payload, move |message: WebRequest| {
        let of = caller::find(&hub, shown)?;
        let (key, wanted) = (&message.public_key.0, &message.request.0);
        let names = hub.register.web_names().map_err(tell)?.into_iter();
        let names: Vec<DomainName> = names.filter(|(uai, _)| *uai == of.uai).map(|(_, name)| name).collect();
        if wanted.len() > CERTIFICATE_REQUEST_BYTES_MAX || !is_web_request(wanted, key, &names) {
            return Err(Refusal::Malformed);
        }
        hub.register.put_web_request(&of.uai, of.id, key, wanted, (hub.clock)()).map_err(tell)
    })
    .await
}
