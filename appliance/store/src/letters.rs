//! What the school asks of the commune, what that says to the school alone, and all that its hub had the box do.
//!
//! Invariant: a hub has a box do what [`CommuneOrderKind`] names and nothing else, and each of it is a line here, in the transaction that does it.

use model::{
    Answered, ClockQuality, CommuneAnswer, CommuneNotice, CommuneOrder, CommuneOrderKind, CommuneRequest,
    CommuneRequestId, CommuneSheet, DomainName, NewCommuneRequest, NewPreparation, PersonName,
    PreparationStage, Timestamp, Verdict,
};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, Transaction, params};

use crate::columns::parse;
use crate::commune::{CommuneError, DocumentKind, replace};
use crate::forgetting::FIRST_BOX_MS;
use crate::overrides::{one_of, prune as prune_overrides};
use crate::{CommuneDocument, Store, StoreError, configurations, releases};

/// Most requests of a school that the commune has not answered.
pub const COMMUNE_REQUESTS_MAX: u32 = 40;
/// Most of one person.
pub const COMMUNE_REQUESTS_OF_ONE_MAX: u32 = 15;
/// Most requests that a page shows.
const SHOWN_MAX: u32 = 100;
/// How long an answered request is kept, in milliseconds: as long as the commune repeats the answer.
const ANSWERED_MS: i64 = 60 * 86_400_000;
/// How long one without an answer is kept: after a summer's holidays somebody asks again.
const OPEN_MS: i64 = 120 * 86_400_000;
/// Lines of what the hub had the box do that are kept: some years of a busy commune.
const ORDERS_MAX: u32 = 5_000;
/// How long such a line is kept: a year, as long as the records of what it opened or closed.
const ORDER_MS: i64 = 365 * 86_400_000;

const COLUMNS: &str = "id, site, wants, author, motive, is_urgent, asked_ms, sent_ms, answer, answer_author, answer_motive, answered_ms";

/// Why a request to the commune was not kept.
#[derive(Debug, thiserror::Error)]
pub enum CommuneAskError {
    /// Too many wait for an answer, of this person or of the school.
    #[error("too many requests wait for the commune's answer")]
    TooMany,
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for CommuneAskError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Keeps a request. One about the same site that waits is the same request: it becomes urgent where it was not.
    ///
    /// # Errors
    /// [`CommuneAskError`].
    pub fn ask_commune(
        &mut self,
        new: &NewCommuneRequest,
        now: Timestamp,
    ) -> Result<CommuneRequestId, CommuneAskError> {
        self.write(|transaction| {
            let NewCommuneRequest { site, wants, author, motive, is_urgent } = new;
            let waiting: Option<(u32, bool)> = transaction
                .query_row(
                    "SELECT id, is_urgent FROM commune_request WHERE site = ?1 AND wants = ?2 AND answer IS NULL",
                    params![site.as_str(), wants.as_str()],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            if let Some((id, was_urgent)) = waiting {
                if *is_urgent && !was_urgent {
                    // The commune hears of it once more.
                    let urgent = "UPDATE commune_request SET is_urgent = TRUE, sent_ms = NULL WHERE id = ?1";
                    transaction.execute(urgent, [id])?;
                }
                return Ok(CommuneRequestId::new(id));
            }
            let (all, own): (u32, u32) = transaction.query_row(
                "SELECT count(*), count(*) FILTER (WHERE author = ?1) FROM commune_request WHERE answer IS NULL",
                [author.as_str()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            if all >= COMMUNE_REQUESTS_MAX || own >= COMMUNE_REQUESTS_OF_ONE_MAX {
                return Err(CommuneAskError::TooMany);
            }
            // Two of one site at one moment would be one to the commune: a clock may stand still, or go back.
            let asked: i64 = transaction.query_row(
                "SELECT max(?2, coalesce((SELECT max(asked_ms) + 1 FROM commune_request WHERE site = ?1), ?2))",
                params![site.as_str(), now.unix_ms()],
                |row| row.get(0),
            )?;
            let id = transaction.query_row(
                "INSERT INTO commune_request (site, wants, author, motive, is_urgent, asked_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
                params![site.as_str(), wants.as_str(), author.as_str(), motive.as_str(), is_urgent, asked],
                |row| row.get(0),
            )?;
            Ok(CommuneRequestId::new(id))
        })
    }

    /// The requests, those without an answer first, then the last ones.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read; so with all that follow.
    pub fn commune_requests(&self) -> Result<Vec<CommuneRequest>, StoreError> {
        self.select_commune_requests(
            "TRUE ORDER BY answer IS NOT NULL, answered_ms DESC, id DESC LIMIT ?1",
            [SHOWN_MAX],
        )
    }

    /// Those that wait for an answer, also where the commune was told of them: a hub that was put back to an old state does not know them any more. Or the urgent
    /// ones alone of which it was not told yet. `count` at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn waiting_commune_requests(
        &self,
        is_urgent_alone: bool,
        count: u32,
    ) -> Result<Vec<CommuneRequest>, StoreError> {
        let rest = "answer IS NULL AND (NOT ?1 OR (is_urgent AND sent_ms IS NULL)) ORDER BY NOT is_urgent, id LIMIT ?2";
        self.select_commune_requests(rest, params![is_urgent_alone, count])
    }

    fn select_commune_requests(
        &self,
        rest: &str,
        values: impl Params,
    ) -> Result<Vec<CommuneRequest>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM commune_request WHERE {rest}");
        let mut query = self.connection.prepare_cached(&query)?;
        let requests = query.query_map(values, read_request)?.collect::<Result<_, _>>()?;
        Ok(requests)
    }

    /// Notes that the commune has been told these, by site and moment, each as urgent as it was told. When it was told first stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_commune_told(
        &mut self,
        told: &[(DomainName, Timestamp, bool)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(|transaction| {
            for (site, asked, is_urgent) in told {
                // One that has become urgent meanwhile is still to be told.
                transaction.execute(
                    "UPDATE commune_request SET sent_ms = ?4
                     WHERE site = ?1 AND asked_ms = ?2 AND is_urgent = ?3 AND sent_ms IS NULL",
                    params![site.as_str(), asked.unix_ms(), is_urgent, now.unix_ms()],
                )?;
            }
            Ok(())
        })
    }

    /// Which sheet of the commune's is here; `None` where none ever was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn commune_sheet(&self) -> Result<Option<CommuneDocument>, StoreError> {
        Ok(DocumentKind::Sheet.read(&self.connection)?)
    }

    /// Puts what the commune says to the school in the place of what it said before, all of it or nothing: a higher number of the same
    /// signer, or another signer's.
    ///
    /// # Errors
    /// [`CommuneError`]; nothing has changed then.
    pub fn take_commune_sheet(
        &mut self,
        document: &CommuneDocument,
        sheet: &CommuneSheet,
        by: &PersonName,
        (now, clock): (Timestamp, ClockQuality),
    ) -> Result<(), CommuneError> {
        self.change(|transaction| {
            DocumentKind::Sheet.take(transaction, document)?;
            if clock == ClockQuality::Synchronised {
                prune_overrides(transaction, now)?;
                prune(transaction, now)?;
            }
            replace(transaction, &sheet.rules, true, by, now)?;
            take_answers(transaction, sheet, now)?;
            take_content(transaction, &sheet.content, now)?;
            take_notices(transaction, &sheet.notices, now)?;
            releases::take(transaction, sheet.release.as_ref(), now)?;
            configurations::take(transaction, sheet.configuration.as_ref(), now)?;
            Ok(())
        })
    }

    /// What people of the school are to read, the last first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn commune_notices(&self) -> Result<Vec<CommuneNotice>, StoreError> {
        Ok(read_notices(&self.connection)?)
    }

    /// What the hub had the box do, the last first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn commune_orders(&self, count: u32) -> Result<Vec<CommuneOrder>, StoreError> {
        // What concerns the configuration stands apart: a program before that knew of it cannot read its word.
        let mut query = self.connection.prepare_cached(
            "SELECT at_ms, kind, about FROM (
               SELECT id AS turn, 0 AS later, at_ms, kind, about FROM commune_order
               UNION ALL SELECT after_order, id, at_ms, 'configure', about FROM configuration_order)
             ORDER BY turn DESC, later DESC LIMIT ?1",
        )?;
        let read = |row: &Row<'_>| {
            Ok(CommuneOrder {
                at: Timestamp::from_unix_ms(row.get(0)?),
                kind: one_of(1, &row.get::<_, String>(1)?, CommuneOrderKind::ALL, CommuneOrderKind::as_str)?,
                about: row.get(2)?,
            })
        };
        let orders = query.query_map([count], read)?.collect::<Result<_, _>>()?;
        Ok(orders)
    }

    /// How much is here of what the commune wants to be, and all of it; `None` where it wants nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn commune_content(&self) -> Result<Option<(u32, u32)>, StoreError> {
        let (here, all): (u32, u32) = self.connection.query_row(
            "SELECT count(*) FILTER (WHERE stage = ?1), count(*) FROM preparation WHERE is_commune",
            [PreparationStage::Here.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok((all > 0).then_some((here, all)))
    }
}

/// Writes down what the hub had the box do.
pub(crate) fn keep_order(
    transaction: &Transaction<'_>,
    now: Timestamp,
    kind: CommuneOrderKind,
    about: &str,
) -> rusqlite::Result<()> {
    let order = params![now.unix_ms(), kind.as_str(), about];
    let id: i64 = transaction.query_row(
        "INSERT INTO commune_order (at_ms, kind, about) VALUES (?1, ?2, ?3) RETURNING id",
        order,
        |row| row.get(0),
    )?;
    transaction.execute("DELETE FROM commune_order WHERE id <= ?1", [id - i64::from(ORDERS_MAX)])?;
    Ok(())
}

/// Forgets requests that nobody looks for any more.
pub(crate) fn prune(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let before = |ms: i64| now.unix_ms().saturating_sub(ms);
    transaction.execute(
        "DELETE FROM commune_request WHERE answered_ms < ?1 OR (answer IS NULL AND asked_ms < ?2)",
        [before(ANSWERED_MS), before(OPEN_MS)],
    )?;
    Ok(())
}

/// Forgets what the hub had the box do a year ago. Of what it did without the time nobody knows how old it is: that goes when there are too many.
pub(crate) fn prune_orders(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM commune_order WHERE at_ms >= ?1 AND at_ms < ?2",
        [FIRST_BOX_MS, now.unix_ms().saturating_sub(ORDER_MS)],
    )?;
    transaction.execute(
        "DELETE FROM configuration_order WHERE at_ms >= ?1 AND at_ms < ?2",
        [FIRST_BOX_MS, now.unix_ms().saturating_sub(ORDER_MS)],
    )?;
    Ok(())
}

/// What was answered to the school, and by that to those in it who had asked for the site.
fn take_answers(transaction: &Transaction<'_>, sheet: &CommuneSheet, now: Timestamp) -> rusqlite::Result<()> {
    for ((site, asked), CommuneAnswer { answered, author, motive, at }) in &sheet.answers {
        let wants: Option<String> = transaction
            .query_row(
                "UPDATE commune_request SET answer = ?3, answer_author = ?4, answer_motive = ?5, answered_ms = ?6,
                   sent_ms = coalesce(sent_ms, ?6)
                 WHERE site = ?1 AND asked_ms = ?2 AND answer IS NULL RETURNING wants",
                params![
                    site.as_str(),
                    asked.unix_ms(),
                    answered.as_str(),
                    author.as_str(),
                    motive.as_str(),
                    at.unix_ms()
                ],
                |row| row.get(0),
            )
            .optional()?;
        let Some(wants) = wants else { continue };
        let about = format!("{wants} {site}: {} ({motive}, {author})", answered.as_str());
        keep_order(transaction, now, CommuneOrderKind::Answer, &about)?;
        if wants == Verdict::Permit.as_str() {
            answer_askers(transaction, site, *answered, author, now)?;
        }
    }
    Ok(())
}

/// Devices that asked for the site are told: granted, by the rule that opens it, or declined.
fn answer_askers(
    transaction: &Transaction<'_>,
    site: &DomainName,
    answered: Answered,
    by: &PersonName,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let granted: Option<u32> = match answered {
        Answered::No => None,
        Answered::All | Answered::School => transaction
            .query_row(
                "SELECT id FROM override
                 WHERE is_commune AND effect = 'permit' AND topic_kind = 'site' AND topic = ?1 AND ended_ms IS NULL
                   AND NOT is_end_recorded AND (until_ms IS NULL OR until_ms > ?2)
                 ORDER BY id DESC LIMIT 1",
                params![site.as_str(), now.unix_ms()],
                |row| row.get(0),
            )
            .optional()?,
    };
    // A rule that is over by now opens nothing: whoever asked goes on waiting for somebody who can.
    if granted.is_none() && answered != Answered::No {
        return Ok(());
    }
    transaction.execute(
        "UPDATE request SET answered_ms = ?2, answered_by = ?3, override = ?4
         WHERE answered_ms IS NULL AND (site = ?1 OR (?4 IS NOT NULL AND substr(site, -length(?1) - 1) = '.' || ?1))",
        params![site.as_str(), now.unix_ms(), by.as_str(), granted],
    )?;
    Ok(())
}

/// What is wanted of the workspace: what stays keeps its stage, and its bytes.
fn take_content(
    transaction: &Transaction<'_>,
    content: &[NewPreparation],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut query = transaction.prepare("SELECT id, host, path FROM preparation WHERE is_commune")?;
    let standing: Vec<(u32, String, String)> =
        query.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
    let is_of = |new: &NewPreparation, host: &str, path: &str| {
        new.place.host.as_str() == host && new.place.path == path
    };
    for (id, host, path) in &standing {
        match content.iter().find(|new| is_of(new, host, path)) {
            Some(new) => transaction.execute(
                "UPDATE preparation SET title = ?2, until_ms = ?3 WHERE id = ?1",
                params![id, new.title.as_str(), new.until.unix_ms()],
            )?,
            None => {
                keep_order(transaction, now, CommuneOrderKind::Unprepare, &format!("https://{host}{path}"))?;
                transaction.execute("DELETE FROM preparation WHERE id = ?1", [id])?
            }
        };
    }
    for new in content.iter().filter(|new| !standing.iter().any(|(_, host, path)| is_of(new, host, path))) {
        keep_order(transaction, now, CommuneOrderKind::Prepare, &new.place.to_string())?;
        transaction.execute(
            "INSERT INTO preparation (host, path, title, by, device, made_ms, until_ms, stage, is_commune)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, TRUE)",
            params![
                new.place.host.as_str(),
                new.place.path,
                new.title.as_str(),
                new.by.as_str(),
                new.device.to_string(),
                new.made.unix_ms(),
                new.until.unix_ms(),
                PreparationStage::Waiting.as_str(),
            ],
        )?;
    }
    Ok(())
}

fn take_notices(
    transaction: &Transaction<'_>,
    notices: &[CommuneNotice],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let before = read_notices(transaction)?;
    for new in notices.iter().filter(|new| !before.contains(new)) {
        keep_order(transaction, now, CommuneOrderKind::Notice, &format!("{} ({})", new.text, new.author))?;
    }
    transaction.execute("DELETE FROM commune_notice", ())?;
    // The last one is read first.
    for CommuneNotice { made, author, text } in notices.iter().rev() {
        transaction.execute(
            "INSERT INTO commune_notice (made_ms, author, text) VALUES (?1, ?2, ?3)",
            params![made.unix_ms(), author.as_str(), text],
        )?;
    }
    Ok(())
}

fn read_notices(connection: &Connection) -> rusqlite::Result<Vec<CommuneNotice>> {
    let mut query =
        connection.prepare_cached("SELECT made_ms, author, text FROM commune_notice ORDER BY id DESC")?;
    let read = |row: &Row<'_>| {
        Ok(CommuneNotice {
            made: Timestamp::from_unix_ms(row.get(0)?),
            author: parse(1, &row.get::<_, String>(1)?)?,
            text: row.get(2)?,
        })
    };
    query.query_map((), read)?.collect()
}

fn read_request(row: &Row<'_>) -> rusqlite::Result<CommuneRequest> {
    let text = |column: usize| row.get::<_, String>(column);
    let maybe = |column: usize| row.get::<_, Option<String>>(column);
    let time = |column: usize| row.get::<_, Option<i64>>(column).map(|ms| ms.map(Timestamp::from_unix_ms));
    let answered = maybe(8)?.as_deref().and_then(Answered::find);
    let author: Option<PersonName> = maybe(9)?.map(|author| parse(9, &author)).transpose()?;
    let motive = maybe(10)?.map(|motive| parse(10, &motive)).transpose()?;
    let answer = match (answered, author, motive, time(11)?) {
        (Some(answered), Some(author), Some(motive), Some(at)) => {
            Some(CommuneAnswer { answered, author, motive, at })
        }
        _ => None,
    };
    Ok(CommuneRequest {
        id: CommuneRequestId::new(row.get(0)?),
        wanted: NewCommuneRequest {
            site: parse(1, &text(1)?)?,
            wants: one_of(2, &text(2)?, [Verdict::Permit, Verdict::Refuse], Verdict::as_str)?,
            author: parse(3, &text(3)?)?,
            motive: parse(4, &text(4)?)?,
            is_urgent: row.get(5)?,
        },
        asked: Timestamp::from_unix_ms(row.get(6)?),
        sent: time(7)?,
        answer,
    })
}

#[cfg(test)]
mod tests;
