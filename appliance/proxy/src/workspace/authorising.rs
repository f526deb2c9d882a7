//! Files that each has to be authorised for: kept once, and asked for by each with what shows who it is. Without the line, a
//! session reads what it was granted with it.
//!
//! Invariant: bytes of such a file reach nobody but one whom the server has just told that they are right (304, or the same tag
//! and length), or, while the server cannot be reached, one who shows the cookie that they were granted to.

use std::sync::Arc;

use ::http::{HeaderValue, Method, Response, StatusCode, header};
use cache::{
    CacheStatus, Cause, FileName, Grant, Ledger, Newer, OFFLINE_DAYS_MAX, SessionKeys, Stored, is_authorised,
};

use super::caching::{Asked, Found, Quest, pass};
use super::exchange::Journey;
use super::pool::Answer;
use crate::depot::{Arrival, EntryHandle, Object, StreamNumber};
use crate::http::check;

impl Quest<'_> {
    /// The file, where it is one of these, it is here, and the one who asks may have it. `None`: it is asked for as anything
    /// else is.
    pub(super) async fn find_file(&self, journey: &mut Journey) -> Option<Found> {
        let file = self.asked_file()?;
        if self.connection.prober().is_down() {
            return self.serve_granted(file).await;
        }
        let known = match self.depot.find_file(&file.key).await {
            Some(known) => known,
            None => self.open_granted(file).await?,
        };
        Some(self.authorise(journey, file, known).await)
    }

    /// The file that is asked for. What answers credentials is between client and server (RFC 9111 section 3.5).
    pub(super) fn asked_file(&self) -> Option<&FileName> {
        let is_asked = self.method == Method::GET && !self.headers.contains_key(header::AUTHORIZATION);
        self.file.as_ref().filter(|_| is_asked)
    }

    /// Asks the server whether the one who asks may have what is here.
    async fn authorise(
        &self,
        journey: &mut Journey,
        file: &FileName,
        (entry, object): (EntryHandle, Object),
    ) -> Found {
        let mut headers = self.errand().headers.clone();
        headers.remove(header::IF_MODIFIED_SINCE);
        if let Some(tag) = object.stored.headers.get(header::ETAG) {
            headers.insert(header::IF_NONE_MATCH, tag.clone());
        }
        let requested = self.now();
        let asking = self.connection.ask(self.errand().request(headers), &mut journey.passage, || true);
        let response = match asking.await.and_then(|response| check(response, false)) {
            Ok(response) => response,
            Err(error) if error.is_out_of_reach() => {
                return self.serve_granted(file).await.unwrap_or(Found::Failed(error));
            }
            Err(error) => return Found::Failed(error),
        };
        let (status, received) = (response.status(), self.now());
        if is_authorised(&object.stored, status, response.headers()) {
            // The body that a server sends all the same is not read: its connection is closed.
            let own = Newer { headers: response.headers(), requested, received };
            let told = CacheStatus {
                forwarded: Some(Cause::Stale),
                forwarded_status: Some(status.as_u16()),
                detail: Some("authorised"),
                ..CacheStatus::default()
            };
            return self.serve_authorised(entry, &object, &own, told);
        }
        if status == StatusCode::NOT_MODIFIED {
            // It is about something else: the server is asked as the client asks.
            return pass(Cause::Stale, Some("unmatched"));
        }
        self.take(response, &Asked::new(Cause::Stale, requested, received), None).await
    }

    /// The file for one who was authorised just now, which is noted for the time without the line.
    pub(super) fn serve_authorised(
        &self,
        entry: EntryHandle,
        object: &Object,
        own: &Newer<'_>,
        told: CacheStatus,
    ) -> Found {
        self.grant(&entry, object);
        let stored = Arc::new(object.stored.for_authorised(own));
        let shown = Object { stored, body: Arc::clone(&object.body) };
        self.serve_as(Some(entry), &shown, told)
    }

    /// The file for one whose session was granted it.
    async fn serve_granted(&self, file: &FileName) -> Option<Found> {
        let (entry, object) = self.open_granted(file).await?;
        let told = CacheStatus {
            is_hit: true,
            forwarded: Some(Cause::Stale),
            detail: Some("offline"),
            ..CacheStatus::default()
        };
        Some(self.serve_as(Some(entry), &object, told))
    }

    async fn open_granted(&self, file: &FileName) -> Option<(EntryHandle, Object)> {
        let keys = self.session()?;
        let grant = self.depot.ledgers.find(&keys, &file.key, self.now()).await?;
        let (entry, object) = self.depot.open_granted(&grant).await?;
        // As it was granted: what is in memory may be another one's answer about the same bytes.
        Some((entry, Object { stored: Arc::new(grant.stored), body: object.body }))
    }

    fn grant(&self, entry: &EntryHandle, object: &Object) {
        let days = self.family.offline_days.min(OFFLINE_DAYS_MAX);
        let (Some(file), Some(keys)) = (&self.file, self.session().filter(|_| days > 0)) else { return };
        let now = self.now();
        if self.depot.ledgers.is_granted(&keys, entry.name(), now, days) {
            return;
        }
        let Some((file_key, length)) = object.body.file_key().cloned().zip(object.body.length()) else {
            return;
        };
        let Some(place) = self.depot.ledgers.take_place() else { return };
        let grant = Grant {
            key: file.key.clone(),
            stored: Stored { requested: now, received: now, ..(*object.stored).clone() },
            file: entry.name(),
            length,
            file_key,
            until: Ledger::end(now, days),
        };
        let (depot, body) = (Arc::clone(&self.depot), Arc::clone(&object.body));
        let (client, name) = (self.connection.gate.client_of(&self.connection.caller), entry.name());
        tokio::spawn(async move {
            let _place = place;
            // A power cut in the middle leaves nothing that leads to half a file.
            if body.await_whole().await && depot.ledgers.grant(&keys, grant, client, now, days).await {
                depot.renew_file(name).await;
            }
        });
    }

    /// A session that ends takes with it what it was granted.
    pub(super) async fn heed_log_out(&self) {
        if self.family.is_log_out(self.key.path_and_query())
            && let Some(keys) = self.session()
        {
            Box::pin(self.depot.ledgers.forget(&keys)).await;
        }
    }

    fn session(&self) -> Option<SessionKeys> {
        let cookies: Vec<&[u8]> =
            self.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let secret = self.family.session(&cookies)?;
        SessionKeys::derive(self.connection.name.as_str(), secret)
    }

    /// Room for an answer: among what is for all where it says so, else among the files that each is authorised for.
    pub(super) async fn receive(
        &self,
        response: &Response<Answer>,
        asked: &Asked,
    ) -> Result<(Arrival, StreamNumber), &'static str> {
        let shared = match &self.file {
            // The right to it is in the URI, and ends: it is checked with each use.
            Some(file) if file.is_signed => Err("signed"),
            Some(_) | None => self.errand().receive(&self.key, self.headers, response, asked).await,
        };
        match (&self.file, shared) {
            (Some(file), Err("signed" | "unmarked")) => {
                self.errand().receive_file(&file.key, self.headers, response, asked).await
            }
            (_, shared) => shared,
        }
    }
}
