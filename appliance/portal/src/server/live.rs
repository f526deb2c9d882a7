//! The stream by which the teacher's page hears that something has changed: server-sent events (HTML Living Standard, section
//! 9.2). They carry no data: the page asks for itself again.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use futures_util::stream;

use super::Portal;
use super::places::Place;
use super::visit::{Jar, Visit};
use crate::Trouble;
use crate::pages::people::TeacherPage;

/// What a stream is.
const EVENTS: &str = "text/event-stream; charset=utf-8";
/// How often a stream looks: what a teacher touched on another PC, or a pupil asked for, shows within a second.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// Looks between two signs of life, for whatever stands on the way and ends silent connections.
const LIFE_EVERY: u32 = 15;
/// Looks of a stream: ten minutes. Then the browser opens another one, as after a box's restart.
const LOOKS_MAX: u32 = 600;
/// Most streams: each teacher of a large school has her page open twice. Each costs a look at the state file every second.
pub(super) const STREAMS_MAX: usize = 64;
/// Most streams of one client: a browser with some tabs.
pub(super) const OF_A_CLIENT_MAX: usize = 4;
/// After how many seconds a client that found no place tries again; the page's script does so by itself.
const RETRY_AFTER_S: u32 = 30;
/// She is signed in no more: the page loads itself anew, and shows where to sign in.
const END: &[u8] = b"event: end\ndata:\n\n";

/// What a stream goes on with.
struct Follower {
    portal: web::Data<Portal>,
    _place: Place,
    client: IpAddr,
    token: String,
    looks: u32,
    seen: Option<u64>,
    is_over: bool,
}

/// What a look shows.
enum Sight {
    /// All is as it was.
    Same,
    /// Something may have changed.
    Changed(u64),
    /// She is signed in no more.
    Gone,
}

/// The script of the page.
pub(super) fn script() -> HttpResponse {
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(TeacherPage::SCRIPT)
}

/// The stream, for somebody who is signed in. A made-up cookie holds no place.
pub(super) async fn follow(portal: web::Data<Portal>, visit: &Visit) -> HttpResponse {
    let token = visit.cookie(Jar::Session).filter(|_| visit.may_sign_in());
    let Some(token) = token.map(str::to_owned) else { return HttpResponse::Forbidden().finish() };
    let (looking, client, session) = (web::Data::clone(&portal), visit.client, token.clone());
    match web::block(move || looking.office.enter(client, &session, false)).await {
        Ok(Ok(Some(_))) => {}
        Ok(Ok(None)) => return HttpResponse::Ok().content_type(EVENTS).body(END),
        Ok(Err(_)) | Err(_) => return refuse_place(),
    }
    let Some(place) = portal.streams.take(visit.client) else { return refuse_place() };
    let follower =
        Follower { portal, _place: place, client: visit.client, token, looks: 0, seen: None, is_over: false };
    let events = stream::unfold(follower, |follower| async { Box::pin(next(follower)).await });
    HttpResponse::Ok().content_type(EVENTS).streaming(events)
}

fn refuse_place() -> HttpResponse {
    HttpResponse::ServiceUnavailable().insert_header((header::RETRY_AFTER, RETRY_AFTER_S)).finish()
}

/// Waits for the next thing to say.
async fn next(mut follower: Follower) -> Option<(Result<web::Bytes, Infallible>, Follower)> {
    if follower.looks == 0 {
        follower.looks = 1;
        // That the stream is there, and when to come back once it is not.
        return Some((Ok(web::Bytes::from_static(b"retry: 3000\n\n")), follower));
    }
    while !follower.is_over && follower.looks < LOOKS_MAX {
        actix_web::rt::time::sleep(LOOK_PERIOD).await;
        follower.looks += 1;
        let says: Option<&'static [u8]> = match follower.look().await {
            Sight::Changed(mark) => {
                // What the page showed when it was opened is what it shows.
                let is_first = follower.seen.replace(mark).is_none();
                (!is_first).then_some(b"event: change\ndata:\n\n")
            }
            Sight::Gone => {
                follower.is_over = true;
                Some(END)
            }
            Sight::Same => follower.looks.is_multiple_of(LIFE_EVERY).then_some(b":\n\n"),
        };
        if let Some(says) = says {
            return Some((Ok(web::Bytes::from_static(says)), follower));
        }
    }
    None
}

impl Follower {
    /// Looks on a thread that may wait. A box that cannot answer has nothing new to say.
    async fn look(&self) -> Sight {
        let (portal, client, token) = (web::Data::clone(&self.portal), self.client, self.token.clone());
        let look = move || -> Result<Option<u64>, Trouble> {
            match portal.office.enter(client, &token, false)? {
                Some(person) => portal.office.pulse(&person).map(Some),
                None => Ok(None),
            }
        };
        match web::block(look).await {
            Ok(Ok(Some(mark))) if self.seen == Some(mark) => Sight::Same,
            Ok(Ok(Some(mark))) => Sight::Changed(mark),
            Ok(Ok(None)) => Sight::Gone,
            Ok(Err(_)) | Err(_) => Sight::Same,
        }
    }
}
