//! What schools ask, and what they are told.

use model::{Answered, Timestamp, Uai};
use replication::limits::REQUESTS_MAX;
use replication::{
    ANSWERS_MAX, CONTENT_MAX, CommuneRule, NOTICES_MAX, RULES_MAX, SchoolRequest, SheetAnswer, SheetContent,
    SheetNotice, Tide,
};

use super::configurations::decided;
use super::history::insert as insert_alert;
use super::library::of_school;
use super::releases::offered;
use super::stored;
use crate::register::history::NewAlert;
use crate::register::sql::{Database, Row, Sql, change, read, values};
use crate::register::wishes::{
    AnswerRule, CONTENTS_MAX, Came, Content, Notice, SchoolRule, Settled, SheetParts, URGENT_MAX, Wish,
    WishAnswer, Wishes,
};
use crate::register::{NewPolicy, RegisterError};
use crate::sheets::fits;

const DAY_MS: i64 = 86_400_000;
/// How long an answer stands in a school's sheet: a box that was off for the holidays hears it.
const ANSWER_MS: i64 = 60 * DAY_MS;
/// How long a request is kept that was answered: a year, and the holidays.
const KEPT_MS: i64 = 400 * DAY_MS;
/// How long one without an answer is kept: by then, the school's box has forgotten it.
const OPEN_MS: i64 = 120 * DAY_MS;
/// What is left for answers and rules by whatever else is said to a school: requests are answered whatever it has.
pub(super) const SPARE_BYTES: usize = 32 << 10;
/// What concerns all schools.
const ALL: &str = "";
const WISH_COLUMNS: &str = "id, uai, site, wants, author, reason, is_urgent, asked_ms, came_ms, answer, answer_author, answer_reason, \
                            answered_ms";
const RULE_COLUMNS: &str = "verdict, site, author, reason, until_ms";
const CONTENT_COLUMNS: &str = "url, title, until_ms, id, uai, author";
const NOTICE_COLUMNS: &str = "made_ms, author, text, id";

impl<D: Database> Wishes for D {
    fn high_water(&self) -> Result<Tide, RegisterError> {
        let sql = "SELECT (SELECT coalesce(max(serial), 0) FROM policy), (SELECT coalesce(max(serial), 0) FROM sheet)";
        self.look(sql, &[])?.first().map_or(Ok(Tide::default()), read_tide)
    }

    fn tide(&self, uai: &str) -> Result<Tide, RegisterError> {
        let sql = "SELECT (SELECT coalesce(max(serial), 0) FROM policy),
                     (SELECT coalesce(max(serial), 0) FROM sheet WHERE uai IN ('', ?1))";
        self.look(sql, values![uai])?.first().map_or(Ok(Tide::default()), read_tide)
    }

    fn sheet_serials(&self) -> Result<Vec<(String, u64)>, RegisterError> {
        let rows = self.look("SELECT uai, serial FROM sheet ORDER BY uai", &[])?;
        rows.iter().map(|row| Ok((row.text(0)?, row.count(1)?))).collect()
    }

    fn raise_sheets(&self, above: u64, now: Timestamp) -> Result<(), RegisterError> {
        change(self, |open| raise_beyond(open, ALL, stored(above), now))
    }

    fn sheet(&self, uai: &str, now: Timestamp) -> Result<SheetParts, RegisterError> {
        // Of one moment: the number belongs to what is read.
        read(self, |open| read_parts(open, uai, now.unix_ms()))
    }

    fn add_wish(
        &self,
        uai: &str,
        request: &SchoolRequest,
        alerts: &[NewAlert],
        now: Timestamp,
    ) -> Result<Came, RegisterError> {
        change(self, |open| {
            let urgent = "SELECT count(*) FROM wish WHERE uai = ?1 AND is_urgent = 1 AND came_ms > ?2";
            let told = count(open, urgent, values![uai, now.unix_ms().saturating_sub(DAY_MS)])?;
            let is_told = request.is_urgent && told < u64::from(URGENT_MAX);
            let came = put_wish(open, uai, request, now, is_told)?;
            if came == (Came::New { is_told: true }) {
                alerts.iter().try_for_each(|alert| insert_alert(open, alert, now))?;
            }
            Ok(came)
        })
    }

    fn wishes(&self, count: u32) -> Result<Vec<Wish>, RegisterError> {
        let sql = format!(
            "SELECT {WISH_COLUMNS} FROM wish
             ORDER BY CASE WHEN answer = '' THEN 1 - is_urgent ELSE 2 END, answered_ms DESC, came_ms, id LIMIT ?1"
        );
        read_all(&self.look(&sql, values![count])?, read_wish)
    }

    fn find_wish(&self, id: u64) -> Result<Option<Wish>, RegisterError> {
        let sql = format!("SELECT {WISH_COLUMNS} FROM wish WHERE id = ?1");
        self.look(&sql, values![stored(id)])?.first().map(read_wish).transpose()
    }

    fn answer_wish(
        &self,
        id: u64,
        answer: &WishAnswer,
        rule: AnswerRule<'_>,
    ) -> Result<Settled, RegisterError> {
        let WishAnswer { answered, author, reason, at } = answer;
        change(self, |open| {
            // What ends here has written nothing yet.
            let waiting = "SELECT uai FROM wish WHERE id = ?1 AND answer = ''";
            let Some(row) = open.row(waiting, values![stored(id)])? else { return Ok(Settled::Answered) };
            let uai = row.text(0)?;
            let gone = match rule {
                AnswerRule::Nothing => Vec::new(),
                AnswerRule::School { rule, policy } => {
                    if policy_serial(open)? != policy {
                        return Ok(Settled::Race);
                    }
                    put_rule(open, &uai, rule, *at)?;
                    Vec::new()
                }
                AnswerRule::All(policy) => match put_policy(open, &policy)? {
                    Some(gone) => gone,
                    None => return Ok(Settled::Race),
                },
            };
            let sql = "UPDATE wish SET answer = ?2, answer_author = ?3, answer_reason = ?4, answered_ms = ?5 WHERE id = ?1";
            let found = values![stored(id), answered.as_str(), &**author, &**reason, at.unix_ms()];
            open.run(sql, found)?;
            raise(open, &uai, *at)?;
            check_length(open, &uai, *at, 0)?;
            Ok(Settled::Done(gone))
        })
    }

    fn school_rules(&self, now: Timestamp) -> Result<Vec<SchoolRule>, RegisterError> {
        let sql = format!(
            "SELECT {RULE_COLUMNS}, uai FROM school_rule WHERE until_ms = 0 OR until_ms > ?1 ORDER BY uai, site"
        );
        let read = |row: &Row| Ok(SchoolRule { uai: row.text(5)?, rule: read_rule(row)? });
        read_all(&self.look(&sql, values![now.unix_ms()])?, read)
    }

    fn remove_school_rule(&self, uai: &str, site: &str, now: Timestamp) -> Result<bool, RegisterError> {
        change(self, |open| {
            let gone =
                open.run("DELETE FROM school_rule WHERE uai = ?1 AND site = ?2", values![uai, site])? > 0;
            if gone {
                raise(open, uai, now)?;
            }
            Ok(gone)
        })
    }

    fn contents(&self, now: Timestamp) -> Result<Vec<Content>, RegisterError> {
        let sql = format!("SELECT {CONTENT_COLUMNS} FROM content WHERE until_ms > ?1 ORDER BY uai, url, id");
        let read = |row: &Row| {
            let uai = Some(row.text(4)?).filter(|uai| !uai.is_empty());
            Ok(Content { id: row.count(3)?, uai, place: read_place(row)?, author: row.text(5)? })
        };
        read_all(&self.look(&sql, values![now.unix_ms()])?, read)
    }

    fn add_content(
        &self,
        uai: Option<&Uai>,
        place: &SheetContent,
        author: &str,
        now: Timestamp,
    ) -> Result<bool, RegisterError> {
        let uai = uai.map_or(ALL, Uai::as_str);
        let SheetContent { url, title, until_ms } = place;
        change(self, |open| {
            open.run("DELETE FROM content WHERE until_ms <= ?1", values![now.unix_ms()])?;
            open.run("DELETE FROM content WHERE uai = ?1 AND url = ?2", values![uai, &**url])?;
            let all = count(open, "SELECT count(*) FROM content", &[])?;
            // What is said to all takes its place in each school's.
            let own = count(open, "SELECT count(*) FROM content WHERE uai IN ('', ?1)", values![uai])?;
            if all >= u64::from(CONTENTS_MAX) || own >= u64::from(most(CONTENT_MAX)) {
                return Ok(false);
            }
            let sql = "INSERT INTO content (uai, url, title, until_ms, author) VALUES (?1, ?2, ?3, ?4, ?5)";
            open.run(sql, values![uai, &**url, &**title, *until_ms, author])?;
            raise(open, uai, now)?;
            check_length(open, uai, now, SPARE_BYTES)?;
            Ok(true)
        })
    }

    fn remove_content(&self, id: u64, now: Timestamp) -> Result<bool, RegisterError> {
        change(self, |open| {
            let gone = open.row("DELETE FROM content WHERE id = ?1 RETURNING uai", values![stored(id)])?;
            let Some(gone) = gone else { return Ok(false) };
            raise(open, &gone.text(0)?, now)?;
            Ok(true)
        })
    }

    fn notices(&self) -> Result<Vec<Notice>, RegisterError> {
        let sql = format!("SELECT {NOTICE_COLUMNS} FROM notice ORDER BY id DESC");
        let read = |row: &Row| Ok(Notice { id: row.count(3)?, notice: read_notice(row)? });
        read_all(&self.look(&sql, &[])?, read)
    }

    fn add_notice(&self, notice: &SheetNotice, now: Timestamp) -> Result<bool, RegisterError> {
        let SheetNotice { made_ms, author, text } = notice;
        change(self, |open| {
            if count(open, "SELECT count(*) FROM notice", &[])? >= u64::from(most(NOTICES_MAX)) {
                return Ok(false);
            }
            let sql = "INSERT INTO notice (made_ms, author, text) VALUES (?1, ?2, ?3)";
            open.run(sql, values![*made_ms, &**author, &**text])?;
            raise(open, ALL, now)?;
            check_length(open, ALL, now, SPARE_BYTES)?;
            Ok(true)
        })
    }

    fn remove_notice(&self, id: u64, now: Timestamp) -> Result<bool, RegisterError> {
        change(self, |open| {
            let gone = open.run("DELETE FROM notice WHERE id = ?1", values![stored(id)])? > 0;
            if gone {
                raise(open, ALL, now)?;
            }
            Ok(gone)
        })
    }
}

/// What is said to a school.
fn read_parts(open: &mut dyn Sql, uai: &str, now: i64) -> Result<SheetParts, RegisterError> {
    let serial =
        open.row("SELECT coalesce(max(serial), 0) FROM sheet WHERE uai IN ('', ?1)", values![uai])?;
    let rules = format!(
        "SELECT {RULE_COLUMNS} FROM school_rule WHERE uai = ?1 AND (until_ms = 0 OR until_ms > ?2) ORDER BY site"
    );
    let answers = format!(
        "SELECT {WISH_COLUMNS} FROM wish WHERE uai = ?1 AND answer <> '' AND answered_ms > ?2 ORDER BY answered_ms DESC, id DESC LIMIT ?3"
    );
    let content = format!(
        "SELECT {CONTENT_COLUMNS} FROM content WHERE uai IN ('', ?1) AND until_ms > ?2 ORDER BY until_ms, id LIMIT ?3"
    );
    let notices = format!("SELECT {NOTICE_COLUMNS} FROM notice ORDER BY id DESC LIMIT ?1");
    let since = now.saturating_sub(ANSWER_MS);
    Ok(SheetParts {
        serial: serial.map_or(Ok(0), |row| row.count(0))?,
        rules: read_all(&open.rows(&rules, values![uai, now])?, read_rule)?,
        answers: read_all(&open.rows(&answers, values![uai, since, most(ANSWERS_MAX)])?, read_answer)?,
        content: read_all(&open.rows(&content, values![uai, now, most(CONTENT_MAX)])?, read_place)?,
        notices: read_all(&open.rows(&notices, values![most(NOTICES_MAX)])?, read_notice)?,
        releases: offered(open, uai)?,
        files: of_school(open, uai, now)?,
        configuration: decided(open, uai)?,
    })
}

/// What is said to a school, or to all, has grown: the boxes that it concerns take it still, and `spare` bytes more. A box that was told more than it takes
/// would hear of nothing any more, nor of what takes something back.
pub(super) fn check_length(
    open: &mut dyn Sql,
    uai: &str,
    now: Timestamp,
    spare: usize,
) -> Result<(), RegisterError> {
    let schools = match uai {
        ALL => {
            let rows = open.rows("SELECT uai FROM school ORDER BY uai", &[])?;
            rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?
        }
        uai => vec![uai.to_owned()],
    };
    for uai in schools {
        if !fits(&uai, read_parts(open, &uai, now.unix_ms())?, spare) {
            return Err(RegisterError::TooLong(uai));
        }
    }
    Ok(())
}

/// What a school is told has changed. The number is above all before it, and by the clock: a register that was put back gives none twice.
pub(super) fn raise(open: &mut dyn Sql, uai: &str, now: Timestamp) -> Result<(), RegisterError> {
    raise_beyond(open, uai, 0, now)
}

/// The same where boxes have seen the number `above`, whatever the register knows of it.
fn raise_beyond(open: &mut dyn Sql, uai: &str, above: i64, now: Timestamp) -> Result<(), RegisterError> {
    let seconds = (now.unix_ms() / 1_000).max(1);
    let last =
        open.row("SELECT coalesce(max(serial), 0) FROM sheet", &[])?.map_or(Ok(0), |row| row.int(0))?;
    let last = last.max(above);
    let sql = "INSERT INTO sheet (uai, serial) VALUES (?1, ?2) ON CONFLICT (uai) DO UPDATE SET serial = excluded.serial";
    open.run(sql, values![uai, last.saturating_add(1).max(seconds)]).map(drop)
}

fn policy_serial(open: &mut dyn Sql) -> Result<u64, RegisterError> {
    count(open, "SELECT coalesce(max(serial), 0) FROM policy", &[])
}

/// Puts a policy in the place of the one before; `None` where that is another by now. What a school's own rule says to the contrary of the one that is added
/// goes: its box would have to choose.
pub(super) fn put_policy(
    open: &mut dyn Sql,
    new: &NewPolicy<'_>,
) -> Result<Option<Vec<String>>, RegisterError> {
    let NewPolicy { before, serial, note, added, at } = *new;
    if policy_serial(open)? != before || serial <= before {
        return Ok(None);
    }
    let sql = "INSERT INTO policy VALUES (1, ?1, ?2)
               ON CONFLICT (id) DO UPDATE SET serial = excluded.serial, note = excluded.note";
    open.run(sql, values![stored(serial), note])?;
    let Some(rule) = added else { return Ok(Some(Vec::new())) };
    let sql = "DELETE FROM school_rule WHERE site = ?1 AND verdict <> ?2 AND (until_ms = 0 OR until_ms > ?3) RETURNING uai";
    let rows = open.rows(sql, values![&*rule.site, &*rule.verdict, at.unix_ms()])?;
    let mut gone = read_all(&rows, |row| row.text(0))?;
    // What a change returns has no order.
    gone.sort_unstable();
    gone.iter().try_for_each(|uai| raise(open, uai, at))?;
    Ok(Some(gone))
}

/// Keeps a request that is not there yet, or that has become urgent since.
fn put_wish(
    open: &mut dyn Sql,
    uai: &str,
    request: &SchoolRequest,
    now: Timestamp,
    is_told: bool,
) -> Result<Came, RegisterError> {
    let SchoolRequest { site, wants, author, reason, is_urgent, asked_ms } = request;
    let now = now.unix_ms();
    let known = "SELECT count(*) FROM wish WHERE uai = ?1 AND site = ?2 AND asked_ms = ?3";
    if count(open, known, values![uai, &**site, *asked_ms])? > 0 {
        let raise = "UPDATE wish SET is_urgent = 1, came_ms = ?4 WHERE uai = ?1 AND site = ?2 AND asked_ms = ?3 AND is_urgent = 0 AND answer = ''";
        let is_raised = *is_urgent && open.run(raise, values![uai, &**site, *asked_ms, now])? > 0;
        return Ok(if is_raised { Came::New { is_told } } else { Came::Known });
    }
    let over = "DELETE FROM wish WHERE (answer <> '' AND answered_ms < ?1) OR (answer = '' AND came_ms < ?2)";
    open.run(over, values![now.saturating_sub(KEPT_MS), now.saturating_sub(OPEN_MS)])?;
    let waiting = "SELECT count(*) FROM wish WHERE uai = ?1 AND answer = ''";
    let is_full = count(open, waiting, values![uai])? >= u64::from(most(REQUESTS_MAX));
    if is_full && !(*is_urgent && make_room(open, uai)?) {
        return Ok(Came::TooMany);
    }
    let sql = "INSERT INTO wish (uai, site, wants, author, reason, is_urgent, asked_ms, came_ms, answer, answer_author, answer_reason, answered_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '', '', '', 0)";
    open.run(sql, values![uai, &**site, &**wants, &**author, &**reason, *is_urgent, *asked_ms, now])?;
    Ok(Came::New { is_told })
}

/// The oldest request of a school that is not urgent gives way; whether there was one.
fn make_room(open: &mut dyn Sql, uai: &str) -> Result<bool, RegisterError> {
    let sql = "DELETE FROM wish WHERE id =
               (SELECT id FROM wish WHERE uai = ?1 AND answer = '' AND is_urgent = 0 ORDER BY came_ms, id LIMIT 1)";
    Ok(open.run(sql, values![uai])? > 0)
}

/// A school has as many rules as the commune; the oldest give way.
fn put_rule(open: &mut dyn Sql, uai: &str, rule: &CommuneRule, now: Timestamp) -> Result<(), RegisterError> {
    let CommuneRule { verdict, site, author, reason, until_ms } = rule;
    open.run("DELETE FROM school_rule WHERE until_ms > 0 AND until_ms <= ?1", values![now.unix_ms()])?;
    let sql = "INSERT INTO school_rule (uai, site, verdict, author, reason, until_ms, made_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
               ON CONFLICT (uai, site) DO UPDATE SET verdict = excluded.verdict, author = excluded.author, reason = excluded.reason,
                 until_ms = excluded.until_ms, made_ms = excluded.made_ms";
    let until = until_ms.unwrap_or(0);
    open.run(sql, values![uai, &**site, &**verdict, &**author, &**reason, until, now.unix_ms()])?;
    let surplus = "DELETE FROM school_rule WHERE uai = ?1 AND site NOT IN
                   (SELECT site FROM school_rule WHERE uai = ?1 ORDER BY made_ms DESC, site LIMIT ?2)";
    open.run(surplus, values![uai, most(RULES_MAX)]).map(drop)
}

fn count(
    open: &mut dyn Sql,
    sql: &str,
    values: &[crate::register::sql::Value],
) -> Result<u64, RegisterError> {
    open.row(sql, values)?.map_or(Ok(0), |row| row.count(0))
}

fn most(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

fn read_all<T>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<T, RegisterError>,
) -> Result<Vec<T>, RegisterError> {
    rows.iter().map(read).collect()
}

fn read_tide(row: &Row) -> Result<Tide, RegisterError> {
    Ok(Tide { policy: row.count(0)?, sheet: row.count(1)? })
}

fn read_rule(row: &Row) -> Result<CommuneRule, RegisterError> {
    Ok(CommuneRule {
        verdict: row.text(0)?,
        site: row.text(1)?,
        author: row.text(2)?,
        reason: row.text(3)?,
        until_ms: Some(row.int(4)?).filter(|until| *until > 0),
    })
}

fn read_place(row: &Row) -> Result<SheetContent, RegisterError> {
    Ok(SheetContent { url: row.text(0)?, title: row.text(1)?, until_ms: row.int(2)? })
}

fn read_notice(row: &Row) -> Result<SheetNotice, RegisterError> {
    Ok(SheetNotice { made_ms: row.int(0)?, author: row.text(1)?, text: row.text(2)? })
}

fn read_answer(row: &Row) -> Result<SheetAnswer, RegisterError> {
    Ok(SheetAnswer {
        site: row.text(2)?,
        asked_ms: row.int(7)?,
        answer: row.text(9)?,
        author: row.text(10)?,
        reason: row.text(11)?,
        answered_ms: row.int(12)?,
    })
}

fn read_wish(row: &Row) -> Result<Wish, RegisterError> {
    let answer = Answered::find(&row.text(9)?).map(|answered| {
        let (author, reason) = (row.text(10)?, row.text(11)?);
        Ok::<_, RegisterError>(WishAnswer {
            answered,
            author,
            reason,
            at: Timestamp::from_unix_ms(row.int(12)?),
        })
    });
    Ok(Wish {
        id: row.count(0)?,
        uai: row.text(1)?,
        request: SchoolRequest {
            site: row.text(2)?,
            wants: row.text(3)?,
            author: row.text(4)?,
            reason: row.text(5)?,
            is_urgent: row.is(6)?,
            asked_ms: row.int(7)?,
        },
        came: Timestamp::from_unix_ms(row.int(8)?),
        answer: answer.transpose()?,
    })
}
