//! The schema, step by step. A step that was released is never edited: a new one follows it.
//!
//! `user_version` counts the steps that a file has seen. (The crate `rusqlite_migration` does the same, but
//! holds rusqlite, and with it the bundled SQLite, three releases back.)

use rusqlite::{Connection, TransactionBehavior};

const STEPS: &[&str] = &[
    "CREATE TABLE intent (
         generation INTEGER NOT NULL
     ) STRICT;
     INSERT INTO intent (generation) VALUES (1);
     CREATE TABLE device (
         mac TEXT PRIMARY KEY,
         name TEXT NOT NULL UNIQUE,
         room TEXT,
         profile TEXT NOT NULL
     ) STRICT, WITHOUT ROWID;",
    // Times in milliseconds since 1970 UTC. AUTOINCREMENT: the journal names overrides by their numbers, so none
    // is ever used again.
    "CREATE TABLE override (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         layer TEXT NOT NULL CHECK (layer IN ('school', 'lesson')),
         effect TEXT NOT NULL CHECK (effect IN ('permit', 'refuse')),
         topic_kind TEXT NOT NULL CHECK (topic_kind IN ('site', 'category')),
         topic TEXT NOT NULL,
         scope_kind TEXT NOT NULL CHECK (scope_kind IN ('everyone', 'profile', 'room', 'device')),
         scope TEXT CHECK ((scope IS NULL) = (scope_kind = 'everyone')),
         author TEXT NOT NULL,
         motive TEXT NOT NULL,
         from_ms INTEGER,
         until_ms INTEGER,
         made_ms INTEGER NOT NULL,
         ended_ms INTEGER,
         ended_by TEXT CHECK ((ended_by IS NULL) = (ended_ms IS NULL)),
         is_start_recorded INTEGER NOT NULL DEFAULT FALSE,
         is_end_recorded INTEGER NOT NULL DEFAULT FALSE
     ) STRICT;
     CREATE INDEX override_without_end ON override (id) WHERE NOT is_end_recorded;",
    // A secret is a PHC string, a token its SHA-256. Of failures, person 0 stands for all people, and the empty device
    // for all that nobody registered. What people did waits in `person_act` until the journal has it.
    "CREATE TABLE person (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         name TEXT NOT NULL,
         name_key TEXT NOT NULL UNIQUE,
         role TEXT NOT NULL CHECK (role IN ('teacher', 'head', 'technician')),
         secret TEXT NOT NULL,
         has_first_secret INTEGER NOT NULL,
         made_ms INTEGER NOT NULL,
         disabled_ms INTEGER
     ) STRICT;
     CREATE TABLE person_room (
         person INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
         room TEXT NOT NULL,
         PRIMARY KEY (person, room)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE session (
         token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
         person INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
         machine TEXT NOT NULL,
         began_ms INTEGER NOT NULL,
         used_ms INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE failure (
         person INTEGER NOT NULL,
         device TEXT NOT NULL,
         count INTEGER NOT NULL,
         last_ms INTEGER NOT NULL,
         PRIMARY KEY (person, device)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE person_act (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         author TEXT NOT NULL,
         device TEXT,
         deed TEXT NOT NULL,
         name TEXT,
         role TEXT,
         site TEXT,
         room TEXT
     ) STRICT;
     CREATE TABLE request (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         site TEXT NOT NULL,
         room TEXT,
         reason TEXT NOT NULL,
         category TEXT,
         lifter TEXT NOT NULL CHECK (lifter IN ('commune', 'school', 'lesson')),
         asked_ms INTEGER NOT NULL,
         answered_ms INTEGER,
         answered_by TEXT CHECK ((answered_by IS NULL) = (answered_ms IS NULL)),
         override INTEGER CHECK (override IS NULL OR answered_ms IS NOT NULL)
     ) STRICT;
     CREATE UNIQUE INDEX request_open ON request (site, coalesce(room, '')) WHERE answered_ms IS NULL;
     CREATE TABLE asker (
         request INTEGER NOT NULL REFERENCES request (id) ON DELETE CASCADE,
         machine TEXT NOT NULL,
         PRIMARY KEY (request, machine)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX asker_machine ON asker (machine);",
    // `failure.person` is from now on the hash of a name, whether somebody bears it or not; 0 stands for all names, as
    // before, and the device `*` for those where its bearer never signed in. Counts by the numbers of people would be
    // nobody's. Where somebody signed in, she is known: the largest turn is the last.
    "DELETE FROM failure WHERE person <> 0;
     CREATE TABLE familiar (
         person INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
         device TEXT NOT NULL,
         turn INTEGER NOT NULL,
         PRIMARY KEY (person, device)
     ) STRICT, WITHOUT ROWID;
     INSERT OR IGNORE INTO familiar (person, device, turn)
         SELECT person, machine, 0 FROM session WHERE machine IN (SELECT mac FROM device);",
    // AUTOINCREMENT: the journal names readings by their numbers. An act of a reading is told with the reading's words.
    "CREATE TABLE reading (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         author TEXT NOT NULL,
         machine TEXT,
         purpose TEXT NOT NULL,
         detail TEXT NOT NULL,
         from_ms INTEGER,
         to_ms INTEGER,
         target TEXT,
         with_people INTEGER NOT NULL,
         opened_ms INTEGER NOT NULL,
         until_ms INTEGER NOT NULL,
         closed_ms INTEGER,
         closed_how TEXT CHECK ((closed_how IS NULL) = (closed_ms IS NULL)),
         searches INTEGER NOT NULL DEFAULT 0,
         exports INTEGER NOT NULL DEFAULT 0
     ) STRICT;
     CREATE INDEX reading_open ON reading (id) WHERE closed_ms IS NULL;
     ALTER TABLE person_act ADD COLUMN reading INTEGER;
     ALTER TABLE person_act ADD COLUMN sought TEXT;",
    // Addresses that devices have for good go with them.
    "CREATE TABLE fixed_address (
         mac TEXT PRIMARY KEY REFERENCES device (mac) ON DELETE CASCADE,
         ipv4 TEXT NOT NULL UNIQUE
     ) STRICT, WITHOUT ROWID;",
    // In a room there is one lesson at a time. AUTOINCREMENT: each access that is recorded meanwhile names its lesson by the
    // number. An act of a lesson is told as the lesson was at that moment. `wifi_use` has each time that a room had its
    // Wi-Fi, for the register that the head prints; `report` what a teacher closed, until the head has looked at it.
    "CREATE TABLE lesson (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         teacher TEXT NOT NULL,
         room TEXT NOT NULL,
         from_ms INTEGER NOT NULL,
         until_ms INTEGER NOT NULL,
         internet TEXT NOT NULL CHECK (internet IN ('normal', 'list', 'ent', 'closed')),
         sites TEXT NOT NULL CHECK ((sites = '') = (internet <> 'list')),
         is_wifi_on INTEGER NOT NULL,
         ended_ms INTEGER,
         ended_how TEXT CHECK (ended_how IN ('hand', 'take-over', 'time')),
         ended_by TEXT,
         CHECK ((ended_ms IS NULL) = (ended_how IS NULL) AND (ended_ms IS NULL) = (ended_by IS NULL))
     ) STRICT;
     CREATE UNIQUE INDEX lesson_open ON lesson (room) WHERE ended_ms IS NULL;
     CREATE TABLE lesson_override (
         lesson INTEGER NOT NULL REFERENCES lesson (id) ON DELETE CASCADE,
         override INTEGER NOT NULL,
         PRIMARY KEY (lesson, override)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE wifi_use (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         lesson INTEGER NOT NULL REFERENCES lesson (id) ON DELETE CASCADE,
         on_ms INTEGER NOT NULL,
         on_by TEXT NOT NULL,
         off_ms INTEGER,
         off_by TEXT CHECK ((off_by IS NULL) = (off_ms IS NULL))
     ) STRICT;
     CREATE UNIQUE INDEX wifi_use_open ON wifi_use (lesson) WHERE off_ms IS NULL;
     CREATE TABLE lesson_plan (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         teacher TEXT NOT NULL,
         room TEXT NOT NULL,
         weekday INTEGER NOT NULL CHECK (weekday BETWEEN 0 AND 6),
         from_minute INTEGER NOT NULL CHECK (from_minute BETWEEN 0 AND 1439),
         minutes INTEGER NOT NULL,
         internet TEXT NOT NULL CHECK (internet IN ('normal', 'list', 'ent', 'closed')),
         sites TEXT NOT NULL CHECK ((sites = '') = (internet <> 'list')),
         is_wifi_on INTEGER NOT NULL,
         begun_ms INTEGER
     ) STRICT;
     CREATE TABLE report (override INTEGER PRIMARY KEY) STRICT;
     ALTER TABLE person ADD COLUMN room_now TEXT;
     ALTER TABLE person_act ADD COLUMN lesson INTEGER;
     ALTER TABLE person_act ADD COLUMN lesson_until_ms INTEGER;
     ALTER TABLE person_act ADD COLUMN internet TEXT;
     ALTER TABLE person_act ADD COLUMN sites TEXT;
     ALTER TABLE person_act ADD COLUMN is_wifi_on INTEGER;",
    // AUTOINCREMENT: access points and logs name keys by their numbers. Without a device, the key is the room's own.
    "CREATE TABLE wifi_key (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         room TEXT NOT NULL,
         device TEXT,
         passphrase TEXT NOT NULL,
         made_ms INTEGER NOT NULL
     ) STRICT;
     CREATE UNIQUE INDEX wifi_key_owner ON wifi_key (room, coalesce(device, ''));",
    // Who made the last card of somebody, and when: whoever has it signs in as her. Those of earlier versions are unknown.
    "ALTER TABLE person ADD COLUMN card_by TEXT;
     ALTER TABLE person ADD COLUMN card_ms INTEGER;
     ALTER TABLE reading ADD COLUMN card_by TEXT;",
    // Another role. A column's check goes with the column: the table, and what refers to it, stays as it is.
    "ALTER TABLE person ADD COLUMN role_now TEXT NOT NULL DEFAULT 'teacher'
         CHECK (role_now IN ('teacher', 'head', 'technician', 'officer'));
     UPDATE person SET role_now = role;
     ALTER TABLE person DROP COLUMN role;
     ALTER TABLE person RENAME COLUMN role_now TO role;",
    // What the commune's hub has brought: rules of the whole school that nobody there takes back, their document's number, and by whose key it was signed.
    "ALTER TABLE override ADD COLUMN is_commune INTEGER NOT NULL DEFAULT FALSE;
     CREATE TABLE commune_policy (id INTEGER PRIMARY KEY CHECK (id = 1), serial INTEGER NOT NULL, signer TEXT NOT NULL) STRICT;",
    // What of the online workspace shall be here on a day; an empty room is all rooms.
    "CREATE TABLE preparation (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         host TEXT NOT NULL,
         path TEXT NOT NULL,
         title TEXT NOT NULL,
         room TEXT,
         by TEXT NOT NULL,
         device TEXT NOT NULL,
         made_ms INTEGER NOT NULL,
         until_ms INTEGER NOT NULL,
         stage TEXT NOT NULL,
         tried_ms INTEGER
     ) STRICT;",
    // Where it is, where the workspace leads elsewhere for it.
    "ALTER TABLE preparation ADD COLUMN kept_host TEXT;
     ALTER TABLE preparation ADD COLUMN kept_path TEXT;",
    // Telephones that show codes, the half minute of the last code that counted, and codes on paper by their hashes.
    "ALTER TABLE person ADD COLUMN code_key TEXT;
     ALTER TABLE person ADD COLUMN code_step INTEGER NOT NULL DEFAULT 0;
     CREATE TABLE paper_code (
         person INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
         hash BLOB NOT NULL CHECK (length(hash) = 32),
         PRIMARY KEY (person, hash)
     ) STRICT, WITHOUT ROWID;",
    // What the school asks of the commune; what that says to the school alone, and by which number; and all that its hub had the box do.
    "ALTER TABLE override ADD COLUMN is_of_sheet INTEGER NOT NULL DEFAULT FALSE;
     ALTER TABLE preparation ADD COLUMN is_commune INTEGER NOT NULL DEFAULT FALSE;
     CREATE TABLE commune_sheet (id INTEGER PRIMARY KEY CHECK (id = 1), serial INTEGER NOT NULL, signer TEXT NOT NULL) STRICT;
     CREATE TABLE commune_request (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         site TEXT NOT NULL,
         wants TEXT NOT NULL CHECK (wants IN ('permit', 'refuse')),
         author TEXT NOT NULL,
         motive TEXT NOT NULL,
         is_urgent INTEGER NOT NULL,
         asked_ms INTEGER NOT NULL,
         sent_ms INTEGER,
         answer TEXT CHECK (answer IN ('all', 'school', 'no')),
         answer_author TEXT CHECK ((answer_author IS NULL) = (answer IS NULL)),
         answer_motive TEXT CHECK ((answer_motive IS NULL) = (answer IS NULL)),
         answered_ms INTEGER CHECK ((answered_ms IS NULL) = (answer IS NULL)),
         UNIQUE (site, asked_ms)
     ) STRICT;
     CREATE TABLE commune_notice (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         made_ms INTEGER NOT NULL,
         author TEXT NOT NULL,
         text TEXT NOT NULL
     ) STRICT;
     CREATE TABLE commune_order (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         at_ms INTEGER NOT NULL,
         kind TEXT NOT NULL,
         about TEXT NOT NULL
     ) STRICT;",
    // Access points that somebody adopted on the pages.
    "CREATE TABLE adopted_point (
         name TEXT PRIMARY KEY,
         mac TEXT NOT NULL UNIQUE,
         room TEXT NOT NULL,
         radio TEXT NOT NULL,
         channel INTEGER NOT NULL,
         address TEXT NOT NULL,
         certificate BLOB NOT NULL CHECK (length(certificate) = 32),
         by TEXT NOT NULL,
         adopted_ms INTEGER NOT NULL
     ) STRICT;",
    // The files of the release of the system that the commune wants to be here.
    "CREATE TABLE commune_release (
         name TEXT PRIMARY KEY,
         version TEXT NOT NULL,
         bytes INTEGER NOT NULL,
         sha256 TEXT NOT NULL
     ) STRICT;",
    // How many of a reading's extracts had the sealed files of their time. Of those before nobody has counted: the journal tells.
    "ALTER TABLE reading ADD COLUMN whole_exports INTEGER NOT NULL DEFAULT 0;",
    // A program before this one has left out of the commune's documents what it did not know, a locked category and a release of the system, and kept
    // their numbers: they are taken once more, and no older ones.
    "UPDATE commune_policy SET serial = serial - 1 WHERE serial > 0;
     UPDATE commune_sheet SET serial = serial - 1 WHERE serial > 0;",
    // How many steps a program has to know that works with the file: a release of the system that goes back finds the state as the one left it that
    // failed. A step that takes away or changes what is there raises it to its own number; so does the first one whose program puts values where
    // programs before it cannot read them. A program that does not know of this step needs no number: it refuses.
    "CREATE TABLE schema_floor (works_from INTEGER NOT NULL) STRICT;
     INSERT INTO schema_floor (works_from) VALUES (1);",
    // Keys that days are sealed to, beside those of the configuration.
    "CREATE TABLE reader_key (
         public TEXT PRIMARY KEY,
         role TEXT NOT NULL CHECK (role IN ('head', 'officer', 'recovery')),
         by TEXT NOT NULL,
         made_ms INTEGER NOT NULL
     ) STRICT;",
    // What the commune decides of the box's configuration, and when it was taken: after which of its orders.
    "CREATE TABLE commune_configuration (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         number INTEGER NOT NULL,
         text TEXT NOT NULL
     ) STRICT;
     CREATE TABLE configuration_order (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         after_order INTEGER NOT NULL,
         at_ms INTEGER NOT NULL,
         about TEXT NOT NULL
     ) STRICT;",
    // The key by which access points prove themselves that this box has drawn for its school.
    "CREATE TABLE adoption_key (
         id INTEGER PRIMARY KEY CHECK (id = 1),
         key TEXT NOT NULL,
         drawn_ms INTEGER NOT NULL
     ) STRICT;",
    // The key that an access point was prepared with, where the box has drawn another one since.
    "ALTER TABLE adopted_point ADD COLUMN former_key TEXT;",
];

/// Reads the number of steps that a program has to know.
const FLOOR: &str = "SELECT max(works_from) FROM schema_floor";

/// Brings the schema up to date: every missing step, or none. A newer one that this program can work with is left as it is.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), MigrateError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let seen: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    if seen > known {
        // A file without the table is of nobody who knows what this program can do.
        let works_from: Option<u32> = transaction.query_row(FLOOR, (), |row| row.get(0)).ok();
        if works_from.is_some_and(|floor| floor <= known) {
            return Ok(());
        }
        return Err(MigrateError::Newer { found: seen, known });
    }
    for (step, number) in STEPS.iter().zip(1..=known).filter(|&(_, number)| number > seen) {
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    Ok(transaction.commit()?)
}

/// Why a schema was not brought up to date. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The file has seen steps that this program does not know, and cannot work without.
    #[error("its schema is of version {found}, this program knows up to {known}: install the newer preau")]
    Newer {
        /// Steps that the file has seen.
        found: u32,
        /// Steps that this program knows.
        known: u32,
    },
    /// A step failed.
    #[error("the schema could not be brought up to date")]
    Sqlite(#[from] rusqlite::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People, their rooms and sessions stay as they are when there is a role more.
    #[test]
    fn a_new_role_changes_nobody() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        let before = STEPS.iter().position(|step| step.contains("role_now")).unwrap();
        STEPS[..before].iter().for_each(|step| connection.execute_batch(step).unwrap());
        connection.pragma_update(None, "user_version", u32::try_from(before).unwrap()).unwrap();
        connection
            .execute_batch(
                "INSERT INTO person (name, name_key, role, secret, has_first_secret, made_ms)
                     VALUES ('Mme Durand', 'mme durand', 'head', 'x', 0, 1), ('Mme Martin', 'mme martin', 'teacher', 'x', 0, 1);
                 INSERT INTO person_room VALUES (2, 'CM2');
                 DELETE FROM person WHERE id = 1;
                 INSERT INTO person (name, name_key, role, secret, has_first_secret, made_ms)
                     VALUES ('Mme Durand', 'mme durand', 'head', 'x', 0, 1);",
            )
            .unwrap();
        migrate(&mut connection).unwrap();
        let text = |query: &str| -> String { connection.query_row(query, (), |row| row.get(0)).unwrap() };
        assert_eq!(text("SELECT group_concat(id || role, ' ') FROM person"), "2teacher 3head");
        assert_eq!(text("SELECT room FROM person_room WHERE person = 2"), "CM2");
        let role = |role: &str| connection.execute("UPDATE person SET role = ?1 WHERE id = 3", [role]);
        assert!(role("officer").is_ok() && role("mayor").is_err());
    }

    /// What the commune locks is in force after an update, though its document is no new one.
    #[test]
    fn documents_that_a_program_before_could_not_read_whole_are_taken_once_more() {
        let mut connection = Connection::open_in_memory().unwrap();
        let before = STEPS.iter().position(|step| step.contains("SET serial = serial - 1")).unwrap();
        STEPS[..before].iter().for_each(|step| connection.execute_batch(step).unwrap());
        connection.pragma_update(None, "user_version", u32::try_from(before).unwrap()).unwrap();
        let taken =
            "INSERT INTO commune_policy VALUES (1, 7, 'hub'); INSERT INTO commune_sheet VALUES (1, 0, 'hub')";
        connection.execute_batch(taken).unwrap();
        for _ in 0..2 {
            migrate(&mut connection).unwrap();
            let serial = |table: &str| -> i64 {
                let sql = format!("SELECT serial FROM {table}");
                connection.query_row(&sql, (), |row| row.get(0)).unwrap()
            };
            assert_eq!((serial("commune_policy"), serial("commune_sheet")), (6, 0));
        }
    }

    /// A release that goes back has to find a state that it can work with.
    #[test]
    fn a_newer_schema_is_worked_with_where_it_says_so() {
        let check = |later: &str, expected: bool| {
            let mut connection = Connection::open_in_memory().unwrap();
            migrate(&mut connection).unwrap();
            connection.execute_batch(later).unwrap();
            let newer = u32::try_from(STEPS.len() + 1).unwrap();
            connection.pragma_update(None, "user_version", newer).unwrap();
            assert_eq!(migrate(&mut connection).is_ok(), expected, "{later}");
            let seen: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            assert_eq!(seen, newer, "it stays as it is");
        };
        check("CREATE TABLE later (x INTEGER) STRICT; ALTER TABLE device ADD COLUMN later TEXT", true);
        check("UPDATE schema_floor SET works_from = 9999", false);
        check("DELETE FROM schema_floor", false);
        check("DROP TABLE schema_floor", false);
        check("UPDATE schema_floor SET works_from = -1", false);
    }

    #[test]
    fn a_step_that_programs_before_it_cannot_work_with_says_so() {
        let is_addition = |statement: &str| {
            let words: Vec<&str> = statement.split_whitespace().collect();
            matches!(
                words[..],
                ["CREATE", "TABLE" | "INDEX", ..] | ["ALTER", "TABLE", _, "ADD", "COLUMN", ..]
            )
        };
        let is_told = |step: &str, number: usize| {
            let mut statements = step.split(';').filter(|statement| !statement.trim().is_empty());
            let told = format!("UPDATE schema_floor SET works_from = {number};");
            step.contains(&told) || statements.all(is_addition)
        };
        assert!(is_told("CREATE TABLE a (x); ALTER TABLE b ADD COLUMN y TEXT;", 7));
        assert!(
            !is_told("CREATE UNIQUE INDEX a ON b (x);", 7) && !is_told("ALTER TABLE b DROP COLUMN y;", 7)
        );
        let drops = "ALTER TABLE b DROP COLUMN y; UPDATE schema_floor SET works_from = 7;";
        assert!(is_told(drops, 7) && !is_told(drops, 8));
        let first = STEPS.iter().position(|step| step.contains("CREATE TABLE schema_floor")).unwrap();
        for (step, number) in STEPS.iter().zip(1..).skip(first + 1) {
            assert!(is_told(step, number), "step {number} changes what is there: UPDATE schema_floor");
        }
    }

    /// The schema of each released version, with what it held, is brought up to date and keeps it.
    #[test]
    fn files_of_earlier_versions_keep_what_they_hold() {
        for seen in 1..STEPS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            for step in &STEPS[..seen] {
                connection.execute_batch(step).unwrap();
            }
            connection.pragma_update(None, "user_version", u32::try_from(seen).unwrap()).unwrap();
            let device = "INSERT INTO device VALUES ('02:00:00:00:00:11', 'CM2-01', 'CM2', 'elementaire')";
            connection.execute(device, ()).unwrap();
            migrate(&mut connection).unwrap();
            let count = |table: &str| -> u32 {
                connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
            };
            assert_eq!((count("device"), count("override"), count("person")), (1, 0, 0), "{seen}");
        }
    }
}
