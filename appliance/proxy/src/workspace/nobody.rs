//! What is the same for everybody, as the workspace's profile says: it is asked for as if nobody were signed in, so that one copy is
//! enough for the class, though the workspace marks nothing and browsers send it cookies with each request.
//!
//! Invariant: what is asked, kept and served here knows of nobody. Where nobody gets it, or gets a page in its place, the one who asks
//! is asked for as ever: a profile that is wrong costs a request, and shows nobody anything else.

use ::http::{HeaderMap, Response, StatusCode, header, request};
use cache::{is_of_person, is_personal};
use model::Mac;

use super::caching::{Found, Quest};
use super::connection::Connection;
use super::exchange::Journey;
use super::plea::wants_page;

impl Connection {
    /// Looks for what a request asks for: as somebody who is not signed in, where that is enough.
    pub(super) async fn find(
        &self,
        quest: &Quest<'_>,
        head: &request::Parts,
        device: Option<Mac>,
        journey: &mut Journey,
    ) -> Found {
        // What a person opens is a page, and made for that person.
        if quest.is_for_all()
            && is_personal(&head.headers)
            && !wants_page(&head.headers)
            && let Some(found) = Box::pin(self.find_as_nobody(head, device, journey)).await
        {
            return found;
        }
        quest.find(journey).await
    }

    /// `None` where nobody gets it.
    async fn find_as_nobody(
        &self,
        head: &request::Parts,
        device: Option<Mac>,
        journey: &mut Journey,
    ) -> Option<Found> {
        let mut nobody = head.clone();
        let personal: Vec<_> = head.headers.keys().filter(|name| is_of_person(name)).collect();
        for name in personal {
            nobody.headers.remove(name);
        }
        let quest = Quest::new(self, &nobody, false, device)?;
        match quest.find(journey).await {
            Found::Kept(mut response) if is_what_was_asked(head, &response) => {
                // A session for nobody would end that of the one who asks.
                response.headers_mut().remove(header::SET_COOKIE);
                Some(Found::Kept(response))
            }
            // The browser has it already.
            Found::Passed(response, told) if is_unchanged(response.status(), response.headers()) => {
                Some(Found::Passed(response, told))
            }
            Found::Failed(error) if error.is_out_of_reach() => Some(Found::Failed(error)),
            Found::Kept(_) | Found::Passed(..) | Found::Pass(_) | Found::Failed(_) | Found::Unavailable => {
                None
            }
        }
    }
}

/// Whether it is an answer to the question, and no invitation to sign in first: that is another status, or a page where the address
/// is none's.
fn is_what_was_asked<B>(asked: &request::Parts, response: &Response<B>) -> bool {
    let is_answer = [
        StatusCode::OK,
        StatusCode::PARTIAL_CONTENT,
        StatusCode::NOT_MODIFIED,
        StatusCode::RANGE_NOT_SATISFIABLE,
    ]
    .contains(&response.status());
    is_answer && !is_invitation(asked.uri.path(), response.headers())
}

/// Whether an answer is a page where the address is none's.
pub(super) fn is_invitation(path: &str, fields: &HeaderMap) -> bool {
    let is_page_of_its_own = || [".html", ".htm"].iter().any(|ending| path.ends_with(ending));
    is_html(fields) && !is_page_of_its_own()
}

fn is_unchanged(status: StatusCode, fields: &HeaderMap) -> bool {
    status == StatusCode::NOT_MODIFIED && !fields.contains_key(header::SET_COOKIE)
}

fn is_html(fields: &HeaderMap) -> bool {
    const KINDS: [&str; 2] = ["text/html", "application/xhtml+xml"];
    let kind = fields.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let starts = |known: &&str| {
        kind.trim_start().get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known))
    };
    KINDS.iter().any(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_to_sign_in_is_not_what_was_asked_for() {
        let check = |path: &str, status: u16, kind: &'static str, expected: bool| {
            let asked = request::Request::get(path).body(()).unwrap().into_parts().0;
            let response = Response::builder().status(status).header("content-type", kind).body(()).unwrap();
            assert_eq!(is_what_was_asked(&asked, &response), expected, "{path} {status} {kind}");
        };
        check("/assets/app.js", 200, "text/javascript", true);
        check("/assets/app.js", 206, "text/javascript", true);
        check("/assets/app.js", 304, "", true);
        check("/assets/app.js", 200, "Text/HTML; charset=utf-8", false);
        check("/assets/app.js", 200, "application/xhtml+xml", false);
        check("/assets/menu.html?v=2", 200, "text/html", true);
        for status in [204, 301, 302, 401, 403, 404, 500] {
            check("/assets/app.js", status, "text/javascript", false);
        }
    }
}
