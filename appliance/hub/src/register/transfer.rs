//! A register that is copied into another engine: a commune begins with a file, and grows.
//!
//! Invariant: all of it goes or nothing, and it is never mixed with what is there already.

use super::RegisterError;
use super::postgres::PostgresRegister;
use super::sql::{Database, Row, Sql, Value, values};
use super::sqlite::{STEPS, SqliteRegister};

/// Rows that are read at a time. They are told apart by their first two columns, which each table has its key in.
const ROWS: u32 = 5_000;

/// An engine whose tables are looked at as a whole.
trait Engine: Database {
    /// The question for the columns of the table `?1`, in their order.
    fn columns(&self) -> &'static str;
    /// What is said where a row comes with the number that it has.
    fn overriding(&self) -> &'static str;
    /// Numbers that are given from now on come after those of the table.
    fn go_on(&self, open: &mut dyn Sql, table: &str) -> Result<(), RegisterError>;
}

impl Engine for SqliteRegister {
    fn columns(&self) -> &'static str {
        "SELECT name FROM pragma_table_info(?1) ORDER BY cid"
    }

    fn overriding(&self) -> &'static str {
        ""
    }

    /// It remembers the highest by itself.
    fn go_on(&self, _: &mut dyn Sql, _: &str) -> Result<(), RegisterError> {
        Ok(())
    }
}

impl Engine for PostgresRegister {
    fn columns(&self) -> &'static str {
        "SELECT CAST(column_name AS TEXT) FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name = ?1 ORDER BY ordinal_position"
    }

    fn overriding(&self) -> &'static str {
        "OVERRIDING SYSTEM VALUE"
    }

    fn go_on(&self, open: &mut dyn Sql, table: &str) -> Result<(), RegisterError> {
        let numbered = "SELECT CAST(column_name AS TEXT) FROM information_schema.columns
                        WHERE table_schema = current_schema() AND table_name = ?1 AND is_identity = 'YES'";
        for column in open.rows(numbered, values![table])? {
            let column = column.text(0)?;
            let highest = open.row(&format!("SELECT max(\"{column}\") FROM \"{table}\""), &[])?;
            let Some(highest) = highest.map(|row| row.find_int(0)).transpose()?.flatten() else { continue };
            let sql = "SELECT setval(CAST(pg_get_serial_sequence(?1, ?2) AS regclass), ?3)";
            open.rows(sql, values![table, column, highest])?;
        }
        Ok(())
    }
}

/// A register as a whole, on whichever engine.
pub struct Whole(Box<dyn Engine>);

impl From<SqliteRegister> for Whole {
    fn from(register: SqliteRegister) -> Self {
        Self(Box::new(register))
    }
}

impl From<PostgresRegister> for Whole {
    fn from(register: PostgresRegister) -> Self {
        Self(Box::new(register))
    }
}

impl Whole {
    /// Copies all of it into another one, which is empty; how many rows.
    ///
    /// # Errors
    /// [`RegisterError`]; the other one is empty then.
    pub fn copy_into(&self, other: &Self) -> Result<u64, RegisterError> {
        let (from, to) = (&*self.0, &*other.0);
        let mut copied = 0;
        from.read(&mut |source| {
            to.change(&mut |target| {
                copied = 0;
                for table in tables() {
                    copied += copy(table, (from, &mut *source), (to, &mut *target))?;
                }
                Ok(())
            })
        })?;
        Ok(copied)
    }
}

/// The tables, in the order in which they were made: whatever one refers to comes before it. They are PostgreSQL's, too.
fn tables() -> Vec<&'static str> {
    let made = STEPS.iter().flat_map(|step| step.split("CREATE TABLE ").skip(1));
    made.filter_map(|rest| rest.split([' ', '(']).next()).collect()
}

fn copy(
    table: &str,
    (from, source): (&dyn Engine, &mut dyn Sql),
    (to, target): (&dyn Engine, &mut dyn Sql),
) -> Result<u64, RegisterError> {
    let names = |rows: Vec<Row>| rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>();
    let columns = names(source.rows(from.columns(), values![table])?)?;
    let mut there = names(target.rows(to.columns(), values![table])?)?;
    let mut here = columns.clone();
    here.sort_unstable();
    there.sort_unstable();
    if here != there {
        return Err(refuse(format!("the table {table} is another one there")));
    }
    if count(target, table)? > 0 {
        return Err(refuse(format!(
            "the register there is not empty: its table {table} has something. Where that is from a move that was cut, empty it, and move once more"
        )));
    }
    let quoted: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let order = if columns.len() > 1 { "1, 2" } else { "1" };
    let sql = format!("SELECT {} FROM \"{table}\" ORDER BY {order} LIMIT ?1 OFFSET ?2", quoted.join(", "));
    let mut copied: u64 = 0;
    loop {
        let offset = i64::try_from(copied).unwrap_or(i64::MAX);
        let rows = source.rows(&sql, values![ROWS, offset])?;
        for row in &rows {
            insert(table, &quoted, row, (to, &mut *target))?;
        }
        copied += rows.len() as u64;
        if rows.len() < usize::try_from(ROWS).unwrap_or(usize::MAX) {
            break;
        }
    }
    if count(source, table)? != copied || count(target, table)? != copied {
        return Err(refuse(format!("not all of the table {table} went")));
    }
    to.go_on(target, table)?;
    Ok(copied)
}

/// What is null stays away: no question has it, and no column that may be null has another default.
fn insert(
    table: &str,
    columns: &[String],
    row: &Row,
    (to, target): (&dyn Engine, &mut dyn Sql),
) -> Result<(), RegisterError> {
    let filled = columns.iter().zip(&row.0).filter(|(_, value)| **value != Value::Null);
    let (columns, values): (Vec<&str>, Vec<Value>) =
        filled.map(|(column, value)| (column.as_str(), value.clone())).unzip();
    let places: Vec<String> = (1..=values.len()).map(|place| format!("?{place}")).collect();
    let (columns, places, overriding) = (columns.join(", "), places.join(", "), to.overriding());
    let sql = format!("INSERT INTO \"{table}\" ({columns}) {overriding} VALUES ({places})");
    target.run(&sql, &values).map(drop)
}

fn count(open: &mut dyn Sql, table: &str) -> Result<u64, RegisterError> {
    let row = open.row(&format!("SELECT count(*) FROM \"{table}\""), &[])?;
    row.map_or(Ok(0), |row| row.count(0))
}

fn refuse(why: String) -> RegisterError {
    RegisterError::Engine(why.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use harness::Postgres;
    use model::Timestamp;
    use replication::School;
    use rustls::RootCertStore;

    use super::*;
    use crate::fixture::UAI;
    use crate::register::people::{Act, Staff as _};
    use crate::register::{Fingerprint, NewBox, NewCode, Register as _};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);

    fn enrol(register: &impl crate::register::Register, seed: u8, is_replacement: bool) -> u64 {
        let code = replication::EnrolmentCode::from_chance(&[seed; 64]).unwrap();
        let (number, until) = (code.number(), Timestamp::from_unix_ms(NOW.unix_ms() + 3_600_000));
        let uai = UAI.parse().unwrap();
        register.add_code(&NewCode { code, uai, is_replacement, until }).unwrap();
        let new = NewBox {
            log_key: "preau/ecole+0a1b2c3d+AbCdEf".to_owned(),
            version: "0.1.0".to_owned(),
            public_key: vec![seed],
            certificate: Fingerprint::of(&[seed]),
            certificate_until: until,
        };
        register.enrol(&number, &new, NOW).unwrap().0
    }

    fn fill(register: &SqliteRegister) {
        let rooms = vec!["CM2".to_owned()];
        let school = School { uai: UAI.to_owned(), name: "École d’ici".to_owned(), rooms };
        register.put_school(&school).unwrap();
        assert_eq!((enrol(register, 3, false), enrol(register, 4, true)), (1, 2));
        register.note_health(crate::register::BoxId(2), "0.1.0", "{}", NOW).unwrap();
        for about in ["a", "b"] {
            let deed = "school-added".to_owned();
            let (author, network) = ("M. Blanc".to_owned(), String::new());
            register.note_act(&Act { at: NOW, author, network, deed, about: about.to_owned() }).unwrap();
        }
    }

    fn contents(register: &impl Engine) -> Vec<Vec<Vec<Value>>> {
        let rows = |table: &str| {
            let columns = register.look(register.columns(), values![table]).unwrap();
            let mut columns: Vec<String> = columns.iter().map(|row| row.text(0).unwrap()).collect();
            columns.sort_unstable();
            let sql = format!("SELECT \"{}\" FROM \"{table}\"", columns.join("\", \""));
            let mut rows: Vec<Vec<Value>> =
                register.look(&sql, &[]).unwrap().into_iter().map(|row| row.0).collect();
            rows.sort_unstable_by_key(|row| format!("{row:?}"));
            rows
        };
        tables().into_iter().map(rows).collect()
    }

    fn open(path: &Path) -> SqliteRegister {
        SqliteRegister::open(path).unwrap()
    }

    #[test]
    fn a_register_grows_from_a_file_into_a_server_and_back() {
        let (folder, server) = (tempfile::tempdir().unwrap(), Postgres::start().unwrap());
        let [first, last] = ["first", "last"].map(|name| folder.path().join(name));
        let postgres = || PostgresRegister::open(&server.address(), None, RootCertStore::empty()).unwrap();
        fill(&open(&first));
        let expected = contents(&open(&first));
        let copied = Whole::from(open(&first)).copy_into(&postgres().into()).unwrap();
        let rows: usize = expected.iter().map(Vec::len).sum();
        assert_eq!(copied, u64::try_from(rows).unwrap());
        assert_eq!(contents(&postgres()), expected);
        // Nothing is mixed with what is there.
        let again = Whole::from(open(&first)).copy_into(&postgres().into());
        assert!(format!("{:?}", again.unwrap_err()).contains("not empty"));
        assert_eq!(contents(&postgres()), expected);
        // The next box has a number that nobody had.
        assert_eq!(enrol(&postgres(), 5, true), 3);
        let grown = contents(&postgres());
        Whole::from(postgres()).copy_into(&open(&last).into()).unwrap();
        assert_eq!(contents(&open(&last)), grown);
        assert_eq!(enrol(&open(&last), 6, true), 4);
    }
}
