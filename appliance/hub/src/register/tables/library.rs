//! Files that schools have from the hub.

use archive::Hash;
use model::{LIBRARY_FILES_MAX, LibraryFile, MediaType, Timestamp, Uai, is_library};

use super::stored;
use super::wishes::raise;
use crate::register::RegisterError;
use crate::register::library::{Held, LIBRARIES_MAX, Library};
use crate::register::sql::{Database, Row, Sql, change, values};

/// What concerns all schools.
const ALL: &str = "";
const COLUMNS: &str = "id, uai, sha256, bytes, name, title, media, until_ms, author, added_ms";

impl<D: Database> Library for D {
    fn library(&self, now: Timestamp) -> Result<Vec<Held>, RegisterError> {
        let sql = format!("SELECT {COLUMNS} FROM library WHERE until_ms > ?1 ORDER BY uai, title, id");
        self.look(&sql, values![now.unix_ms()])?.iter().map(read).collect()
    }

    fn add_to_library(
        &self,
        schools: &[Option<Uai>],
        file: &LibraryFile,
        author: &str,
        now: Timestamp,
    ) -> Result<bool, RegisterError> {
        let LibraryFile { sha256, bytes, name, title, media, until } = file;
        change(self, |open| {
            open.run("DELETE FROM library WHERE until_ms <= ?1", values![now.unix_ms()])?;
            let rows = open.rows(&format!("SELECT {COLUMNS} FROM library"), &[])?;
            let mut held = rows.iter().map(read).collect::<Result<Vec<Held>, RegisterError>>()?;
            let known: Vec<String> = schools.iter().map(|uai| key(uai.as_ref())).collect();
            let is_replaced =
                |it: &Held| it.file.sha256 == *sha256 && known.contains(&it.uai.clone().unwrap_or_default());
            held.retain(|it| !is_replaced(it));
            held.extend(known.iter().map(|uai| Held {
                id: 0,
                uai: Some(uai.clone()).filter(|uai| !uai.is_empty()),
                file: file.clone(),
                author: author.to_owned(),
                added: now,
            }));
            if held.len() > LIBRARIES_MAX || !fits(&held) {
                return Ok(false);
            }
            for uai in &known {
                open.run("DELETE FROM library WHERE uai = ?1 AND sha256 = ?2", values![&**uai, &**sha256])?;
                let sql =
                    "INSERT INTO library (uai, sha256, bytes, name, title, media, until_ms, author, added_ms)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
                let row = values![
                    &**uai,
                    &**sha256,
                    stored(*bytes),
                    name.as_str(),
                    title.as_str(),
                    media.as_str(),
                    until.unix_ms(),
                    author,
                    now.unix_ms()
                ];
                open.run(sql, row)?;
                raise(open, uai, now)?;
            }
            Ok(true)
        })
    }

    fn remove_from_library(&self, id: u64, now: Timestamp) -> Result<bool, RegisterError> {
        change(self, |open| {
            let gone = open.rows("DELETE FROM library WHERE id = ?1 RETURNING uai", values![stored(id)])?;
            for row in &gone {
                raise(open, &row.text(0)?, now)?;
            }
            Ok(!gone.is_empty())
        })
    }

    fn library_file(&self, uai: &str, sum: Hash, now: Timestamp) -> Result<Option<u64>, RegisterError> {
        let sql = "SELECT max(bytes) FROM library WHERE uai IN ('', ?1) AND sha256 = ?2 AND until_ms > ?3";
        let rows = self.look(sql, values![uai, sum.to_string(), now.unix_ms()])?;
        let bytes = rows.first().map_or(Ok(None), |row| row.find_int(0))?;
        Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
    }

    fn has_library_file(&self, sum: Hash, now: Timestamp) -> Result<bool, RegisterError> {
        let sql = "SELECT count(*) FROM library WHERE sha256 = ?1 AND until_ms > ?2";
        let rows = self.look(sql, values![sum.to_string(), now.unix_ms()])?;
        rows.first().map_or(Ok(false), |row| Ok(row.count(0)? > 0))
    }
}

/// The files that a school shall have, each once: those that stay longest.
pub(super) fn of_school(
    open: &mut dyn Sql,
    uai: &str,
    now_ms: i64,
) -> Result<Vec<LibraryFile>, RegisterError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM library WHERE uai IN ('', ?1) AND until_ms > ?2 ORDER BY until_ms DESC, id"
    );
    let rows = open.rows(&sql, values![uai, now_ms])?;
    let held = rows.iter().map(read).collect::<Result<Vec<Held>, RegisterError>>()?;
    Ok(each_once(held.into_iter().map(|held| held.file)))
}

/// Whether no school has more than a box takes.
fn fits(held: &[Held]) -> bool {
    let mut schools: Vec<Option<&str>> = held.iter().map(|it| it.uai.as_deref()).collect();
    schools.sort_unstable();
    schools.dedup();
    schools.into_iter().all(|uai| {
        let of = held.iter().filter(|it| it.uai.is_none() || it.uai.as_deref() == uai);
        is_library(&each_once(of.map(|it| it.file.clone())))
    })
}

fn each_once(files: impl Iterator<Item = LibraryFile>) -> Vec<LibraryFile> {
    let mut once: Vec<LibraryFile> = Vec::with_capacity(LIBRARY_FILES_MAX);
    for file in files {
        if !once.iter().any(|known| known.sha256 == file.sha256) {
            once.push(file);
        }
    }
    once
}

fn key(uai: Option<&Uai>) -> String {
    uai.map_or(ALL, Uai::as_str).to_owned()
}

fn read(row: &Row) -> Result<Held, RegisterError> {
    Ok(Held {
        id: row.count(0)?,
        uai: Some(row.text(1)?).filter(|uai| !uai.is_empty()),
        file: LibraryFile {
            sha256: row.text(2)?,
            bytes: row.count(3)?,
            name: row.parse(4)?,
            title: row.parse(5)?,
            media: MediaType::find(&row.text(6)?),
            until: Timestamp::from_unix_ms(row.int(7)?),
        },
        author: row.text(8)?,
        added: Timestamp::from_unix_ms(row.int(9)?),
    })
}
