//! The register in PostgreSQL: any number of hubs on one.
//!
//! Each change is a transaction of the strictest kind (serializable): where two of them would have to know of each other, one is done again, as if it had
//! come later. The password comes with the address, the environment or a file of libpq's kind, never with the command line's words.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::error::SqlState;
use postgres::types::{ToSql, Type};
use postgres::{Client, Config, IsolationLevel, Transaction};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::RegisterError;
use super::sql::{Database, Row, Sql, Value};

/// Connections that are kept for the next request: as many as threads that ask.
const IDLE_MAX: usize = 8;
/// Longest wait for a connection: a box asks again later.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long what was sent may stay without an answer of the other machine: one that is gone sends none, and nobody would wait for ever.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// After so long of silence, the other machine is asked whether it is there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Longest wait for a sign of life of a connection that lay idle.
const ALIVE_WITHIN: Duration = Duration::from_secs(5);
/// Longest time of one question: the largest answer is some thousand rows.
const STATEMENT_TIMEOUT: &str =
    "-c statement_timeout=20000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=20000";
/// How often a change is tried where others changed the same at the same moment.
const TRIES_MAX: u32 = 20;
/// Longest pause between two tries, times the number of the try.
const PAUSE: Duration = Duration::from_millis(5);
/// Who makes the schema keeps others from it meanwhile: any number that nobody else takes.
const SCHEMA_LOCK: &str = "SELECT pg_advisory_xact_lock(7310579004182)";
/// What makes the schema, step by step; never changed, only added to. It is SQLite's with other words: texts are compared by their bytes.
const STEPS: &[&str] = &[
    r#"
     CREATE TABLE school (uai TEXT COLLATE "C" PRIMARY KEY, name TEXT NOT NULL, rooms TEXT NOT NULL);
     CREATE TABLE code (
       number TEXT COLLATE "C" PRIMARY KEY, code TEXT, uai TEXT COLLATE "C" NOT NULL REFERENCES school,
       is_replacement BIGINT NOT NULL, until_ms BIGINT NOT NULL, tries_left BIGINT NOT NULL);
     CREATE TABLE box (
       id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, uai TEXT COLLATE "C" NOT NULL REFERENCES school,
       log_key TEXT NOT NULL, version TEXT NOT NULL, enrolled_ms BIGINT NOT NULL, revoked_ms BIGINT, seen_ms BIGINT, health TEXT,
       is_replacement BIGINT NOT NULL DEFAULT 0);
     CREATE TABLE certificate (
       fingerprint BYTEA PRIMARY KEY, box BIGINT NOT NULL REFERENCES box, until_ms BIGINT NOT NULL, turn BIGINT NOT NULL);
     CREATE INDEX certificate_of_box ON certificate (box);
     CREATE TABLE signed (
       box BIGINT NOT NULL REFERENCES box, size BIGINT NOT NULL, note TEXT NOT NULL, at_ms BIGINT NOT NULL,
       PRIMARY KEY (box, size));
     CREATE TABLE file (
       box BIGINT NOT NULL REFERENCES box, hash TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, bytes BIGINT NOT NULL,
       until_ms BIGINT NOT NULL, PRIMARY KEY (box, hash));
     CREATE TABLE policy (id BIGINT PRIMARY KEY CHECK (id = 1), serial BIGINT NOT NULL, note TEXT NOT NULL);
     CREATE TABLE snapshot (
       turn BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, box BIGINT NOT NULL REFERENCES box,
       hash TEXT COLLATE "C" NOT NULL, bytes BIGINT NOT NULL, at_ms BIGINT NOT NULL, UNIQUE (box, hash));
     CREATE TABLE exchange (
       turn BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, session BYTEA NOT NULL UNIQUE, number TEXT NOT NULL,
       keys BYTEA NOT NULL, begun_ms BIGINT NOT NULL, asked TEXT NOT NULL, answer TEXT NOT NULL);
"#,
    r#"
     CREATE TABLE member (
       id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT NOT NULL, name_key TEXT COLLATE "C" NOT NULL UNIQUE,
       duties TEXT NOT NULL, secret TEXT NOT NULL, has_first_secret BIGINT NOT NULL, code_key TEXT, step BIGINT NOT NULL,
       disabled_ms BIGINT);
     CREATE TABLE paper (member BIGINT NOT NULL REFERENCES member, hash BYTEA NOT NULL, PRIMARY KEY (member, hash));
     CREATE TABLE session (
       token BYTEA PRIMARY KEY, member BIGINT NOT NULL REFERENCES member, network TEXT NOT NULL,
       began_ms BIGINT NOT NULL, used_ms BIGINT NOT NULL);
     CREATE TABLE known (
       name_key TEXT COLLATE "C" NOT NULL, network TEXT COLLATE "C" NOT NULL, at_ms BIGINT NOT NULL,
       PRIMARY KEY (name_key, network));
     CREATE TABLE failure (name TEXT COLLATE "C" PRIMARY KEY, count BIGINT NOT NULL, last_ms BIGINT NOT NULL);
     CREATE TABLE act (
       id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at_ms BIGINT NOT NULL, author TEXT NOT NULL, network TEXT NOT NULL,
       deed TEXT NOT NULL, about TEXT NOT NULL);
     CREATE FUNCTION keep_acts() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN RAISE EXCEPTION USING MESSAGE = ''acts are neither changed nor removed''; END';
     CREATE TRIGGER act_stays BEFORE UPDATE OR DELETE ON act FOR EACH ROW EXECUTE FUNCTION keep_acts();
     CREATE TRIGGER act_table_stays BEFORE TRUNCATE ON act FOR EACH STATEMENT EXECUTE FUNCTION keep_acts();
"#,
    r#"
     CREATE TABLE report (
       box BIGINT NOT NULL REFERENCES box, day BIGINT NOT NULL, at_ms BIGINT NOT NULL, health TEXT NOT NULL,
       PRIMARY KEY (box, day));
     CREATE TABLE standing (
       uai TEXT COLLATE "C" PRIMARY KEY REFERENCES school, level TEXT NOT NULL, since_ms BIGINT NOT NULL,
       is_told BIGINT NOT NULL);
     CREATE TABLE alert (
       id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, channel TEXT NOT NULL, uai TEXT NOT NULL, subject TEXT NOT NULL,
       body TEXT NOT NULL, made_ms BIGINT NOT NULL, next_ms BIGINT NOT NULL, tries BIGINT NOT NULL,
       ended_ms BIGINT, is_sent BIGINT NOT NULL);
     CREATE INDEX alert_due ON alert (ended_ms, next_ms);
"#,
    // The end that was said first of a file stays beside the one that counts.
    "ALTER TABLE file ADD COLUMN first_ms BIGINT NOT NULL DEFAULT 0;
     UPDATE file SET first_ms = until_ms;",
    // Which state a box that enrols takes over, by its hash; an empty text is the newest.
    "ALTER TABLE code ADD COLUMN state TEXT NOT NULL DEFAULT '';
     ALTER TABLE box ADD COLUMN state TEXT NOT NULL DEFAULT '';",
    // What schools ask of the commune, and what it says to each: whoever has changed that gives it another number. An empty answer is none yet, an end of 0
    // none at all; an empty school is all of them.
    r#"
     CREATE TABLE sheet (uai TEXT COLLATE "C" PRIMARY KEY, serial BIGINT NOT NULL);
     CREATE TABLE wish (
       id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, uai TEXT COLLATE "C" NOT NULL REFERENCES school,
       site TEXT COLLATE "C" NOT NULL, wants TEXT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, is_urgent BIGINT NOT NULL,
       asked_ms BIGINT NOT NULL, came_ms BIGINT NOT NULL, answer TEXT NOT NULL, answer_author TEXT NOT NULL,
       answer_reason TEXT NOT NULL, answered_ms BIGINT NOT NULL, UNIQUE (uai, site, asked_ms));
     CREATE TABLE school_rule (
       uai TEXT COLLATE "C" NOT NULL REFERENCES school, site TEXT COLLATE "C" NOT NULL, verdict TEXT NOT NULL, author TEXT NOT NULL,
       reason TEXT NOT NULL, until_ms BIGINT NOT NULL, made_ms BIGINT NOT NULL, PRIMARY KEY (uai, site));
     CREATE TABLE content (
       id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, uai TEXT COLLATE "C" NOT NULL, url TEXT COLLATE "C" NOT NULL,
       title TEXT NOT NULL, until_ms BIGINT NOT NULL, author TEXT NOT NULL, UNIQUE (uai, url));
     CREATE TABLE notice (
       id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, made_ms BIGINT NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL);
"#,
    // The secret of a code that was used, and by which box with which key: it may not have heard the answer.
    "ALTER TABLE code ADD COLUMN spent TEXT NOT NULL DEFAULT '';
     ALTER TABLE code ADD COLUMN box BIGINT NOT NULL DEFAULT 0;
     ALTER TABLE code ADD COLUMN public_key TEXT NOT NULL DEFAULT '';",
    // Names that the commune owns, and what boxes have had certified for them. An empty chain is none yet.
    r#"
     CREATE TABLE web_name (name TEXT COLLATE "C" PRIMARY KEY, uai TEXT COLLATE "C" NOT NULL REFERENCES school);
     CREATE TABLE web_order (
       uai TEXT COLLATE "C" PRIMARY KEY REFERENCES school, public_key BYTEA NOT NULL, request BYTEA NOT NULL, asked_ms BIGINT NOT NULL,
       chain TEXT NOT NULL, until_ms BIGINT NOT NULL);
"#,
    // Which box has asked, 0 where that is not known, and when it was tried last to certify what it asks for: how often on that day since 1970.
    "ALTER TABLE web_order ADD COLUMN box BIGINT NOT NULL DEFAULT 0;
     ALTER TABLE web_order ADD COLUMN tried_ms BIGINT NOT NULL DEFAULT 0;
     ALTER TABLE web_order ADD COLUMN tried_day BIGINT NOT NULL DEFAULT 0;
     ALTER TABLE web_order ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;",
    // Releases of the boxes' system, their files, and which school is to have which; an empty school is all of them.
    r#"
     CREATE TABLE system_release (version TEXT COLLATE "C" PRIMARY KEY, added_ms BIGINT NOT NULL);
     CREATE TABLE release_file (
       version TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, bytes BIGINT NOT NULL, sha256 TEXT COLLATE "C" NOT NULL,
       PRIMARY KEY (version, name));
     CREATE TABLE release_offer (uai TEXT COLLATE "C" PRIMARY KEY, version TEXT COLLATE "C" NOT NULL, at_ms BIGINT NOT NULL);
"#,
    // What the commune's provider calls somebody, empty where she has no account there; and by what a session began: 0 her own secret, 1 the provider with a
    // second factor, 2 the provider alone.
    r#"
     ALTER TABLE member ADD COLUMN account TEXT COLLATE "C" NOT NULL DEFAULT '';
     ALTER TABLE session ADD COLUMN proof BIGINT NOT NULL DEFAULT 0;
"#,
    // Since when a school asks for a certificate of its names, and why the last try has failed: a word, empty where none has, and what was said.
    "ALTER TABLE web_order ADD COLUMN since_ms BIGINT NOT NULL DEFAULT 0;
     UPDATE web_order SET since_ms = asked_ms;
     ALTER TABLE web_order ADD COLUMN failure TEXT NOT NULL DEFAULT '';
     ALTER TABLE web_order ADD COLUMN detail TEXT NOT NULL DEFAULT '';",
    // Files that schools have from the hub for their pupils; an empty school is all of them.
    r#"
     CREATE TABLE library (
       id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, uai TEXT COLLATE "C" NOT NULL, sha256 TEXT COLLATE "C" NOT NULL, bytes BIGINT NOT NULL, name TEXT NOT NULL,
       title TEXT COLLATE "C" NOT NULL, media TEXT NOT NULL, until_ms BIGINT NOT NULL, author TEXT NOT NULL, added_ms BIGINT NOT NULL,
       UNIQUE (uai, sha256));
"#,
    // What the commune decides of the configurations of boxes, each version of it.
    r#"
     CREATE TABLE school_configuration (
       uai TEXT COLLATE "C" NOT NULL REFERENCES school, number BIGINT NOT NULL, text TEXT NOT NULL, author TEXT NOT NULL, made_ms BIGINT NOT NULL,
       PRIMARY KEY (uai, number));
"#,
];

/// A register in PostgreSQL.
pub struct PostgresRegister {
    config: Config,
    tls: MakeRustlsConnect,
    idle: Mutex<Vec<Client>>,
}

impl From<postgres::Error> for RegisterError {
    fn from(error: postgres::Error) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl PostgresRegister {
    /// Connects to `address` (`postgres://user@host/database`, or libpq's words), and brings the schema up to date. `roots` are who may vouch for the
    /// server; what is not to be encrypted says so in its address (`sslmode=disable`).
    ///
    /// # Errors
    /// [`RegisterError`]; also where a newer program has written the schema.
    pub fn open(address: &str, password: Option<&str>, roots: RootCertStore) -> Result<Self, RegisterError> {
        let mut config: Config = address.parse()?;
        if let Some(password) = password {
            config.password(password);
        }
        if config.get_ssl_mode() == SslMode::Prefer {
            // Whoever stands between would only have to say that there is no encryption.
            config.ssl_mode(if is_here(&config) { SslMode::Disable } else { SslMode::Require });
        }
        config.application_name("preau hub").options(STATEMENT_TIMEOUT).connect_timeout(CONNECT_TIMEOUT);
        config.tcp_user_timeout(SILENCE_MAX).keepalives_idle(KEEPALIVE_IDLE);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = tls.map_err(|error| RegisterError::Engine(Box::new(error)))?;
        let tls = MakeRustlsConnect::new(tls.with_root_certificates(roots).with_no_client_auth());
        let register = Self { config, tls, idle: Mutex::default() };
        register.migrate()?;
        Ok(register)
    }

    fn migrate(&self) -> Result<(), RegisterError> {
        let mut client = self.connect()?;
        let mut transaction = client.transaction()?;
        transaction.batch_execute(SCHEMA_LOCK)?;
        transaction.batch_execute("CREATE TABLE IF NOT EXISTS preau_schema (version BIGINT NOT NULL)")?;
        let seen = transaction.query_opt("SELECT version FROM preau_schema", &[])?;
        let seen: i64 = seen.map_or(Ok(0), |row| row.try_get(0))?;
        let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
        if seen > known {
            let message = "a newer preau has written the register: install that one";
            return Err(RegisterError::Engine(message.into()));
        }
        for step in STEPS.iter().skip(usize::try_from(seen).unwrap_or(usize::MAX)) {
            transaction.batch_execute(step)?;
        }
        if seen < known {
            transaction.batch_execute("DELETE FROM preau_schema")?;
            transaction.execute("INSERT INTO preau_schema VALUES ($1)", &[&known])?;
        }
        transaction.commit()?;
        self.put_back(client);
        Ok(())
    }

    fn connect(&self) -> Result<Client, RegisterError> {
        Ok(self.config.connect(self.tls.clone())?)
    }

    /// A connection that answers: the server may have ended one that lay idle.
    fn take(&self) -> Result<Client, RegisterError> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut client) = idle else { return self.connect() };
            if client.is_valid(ALIVE_WITHIN).is_ok() {
                return Ok(client);
            }
        }
    }

    /// One that failed is not kept.
    fn put_back(&self, client: Client) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !client.is_closed() && idle.len() < IDLE_MAX {
            idle.push(client);
        }
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Client) -> Result<T, RegisterError>,
    ) -> Result<T, RegisterError> {
        let mut client = self.take()?;
        let outcome = work(&mut client);
        self.put_back(client);
        outcome
    }
}

impl Database for PostgresRegister {
    fn look(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, RegisterError> {
        let sql = in_dollars(sql);
        self.with(|client| read(&client.query_typed(&sql, &typed(values))?))
    }

    fn change(
        &self,
        work: &mut dyn FnMut(&mut dyn Sql) -> Result<(), RegisterError>,
    ) -> Result<(), RegisterError> {
        let mut tries = 1;
        loop {
            let outcome = self.with(|client| {
                let builder = client.build_transaction().isolation_level(IsolationLevel::Serializable);
                let mut transaction = builder.start()?;
                work(&mut transaction)?;
                Ok(transaction.commit()?)
            });
            match outcome {
                Err(error) if tries < TRIES_MAX && was_first(&error) => {
                    thread::sleep(PAUSE * tries);
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn read(
        &self,
        work: &mut dyn FnMut(&mut dyn Sql) -> Result<(), RegisterError>,
    ) -> Result<(), RegisterError> {
        self.with(|client| {
            let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
            let mut transaction = builder.read_only(true).start()?;
            work(&mut transaction)?;
            Ok(transaction.commit()?)
        })
    }
}

impl Sql for Transaction<'_> {
    fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, RegisterError> {
        Ok(self.execute_typed(&in_dollars(sql), &typed(values))?)
    }

    fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, RegisterError> {
        read(&self.query_typed(&in_dollars(sql), &typed(values))?)
    }
}

/// Whether an address leads to sockets of this machine, and nowhere else: libpq's `hostaddr` counts before what the host is called.
fn is_here(config: &Config) -> bool {
    let hosts = config.get_hosts();
    let are_sockets = hosts.iter().all(|host| matches!(host, Host::Unix(_)));
    !hosts.is_empty() && are_sockets && config.get_hostaddrs().is_empty()
}

/// Whether somebody else was first: nothing of the change is there, and it can be done again.
fn was_first(error: &RegisterError) -> bool {
    let RegisterError::Engine(error) = error else { return false };
    let code = error.downcast_ref::<postgres::Error>().and_then(postgres::Error::code);
    let race =
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::UNIQUE_VIOLATION];
    code.is_some_and(|code| race.contains(code))
}

/// PostgreSQL writes `$1` where SQLite writes `?1`. No question has either in a text.
fn in_dollars(sql: &str) -> String {
    sql.replace('?', "$")
}

fn typed(values: &[Value]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    values.iter().map(type_of).collect()
}

fn type_of(value: &Value) -> (&(dyn ToSql + Sync), Type) {
    match value {
        Value::Null => (&None::<i64>, Type::INT8),
        Value::Int(number) => (number, Type::INT8),
        Value::Text(text) => (text, Type::TEXT),
        Value::Blob(bytes) => (bytes, Type::BYTEA),
    }
}

fn read(rows: &[postgres::Row]) -> Result<Vec<Row>, RegisterError> {
    rows.iter().map(read_row).collect()
}

fn read_row(row: &postgres::Row) -> Result<Row, RegisterError> {
    let mut values = Vec::with_capacity(row.len());
    for (place, column) in row.columns().iter().enumerate() {
        values.push(match *column.type_() {
            Type::INT8 => row.try_get::<_, Option<i64>>(place)?.map_or(Value::Null, Value::Int),
            Type::INT4 => {
                row.try_get::<_, Option<i32>>(place)?.map_or(Value::Null, |it| Value::Int(i64::from(it)))
            }
            Type::TEXT => row.try_get::<_, Option<String>>(place)?.map_or(Value::Null, Value::Text),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(place)?.map_or(Value::Null, Value::Blob),
            _ => {
                return Err(RegisterError::Engine(format!("a column of the type {}", column.type_()).into()));
            }
        });
    }
    Ok(Row(values))
}

#[cfg(test)]
mod tests {
    use harness::Postgres;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;
    use crate::register::suite;

    fn open(server: &Postgres) -> PostgresRegister {
        PostgresRegister::open(&server.address(), None, RootCertStore::empty()).unwrap()
    }

    #[test]
    fn postgresql_keeps_what_a_register_keeps() {
        let server = Postgres::start().unwrap();
        suite::check(|| Box::new(open(&server)));
    }

    #[test]
    fn postgresql_keeps_people_and_history() {
        let server = Postgres::start().unwrap();
        let (one, other) = (open(&server), open(&server));
        crate::register::people::suite::check(&one, &other);
        crate::register::history::suite::check(&one, &one, &other);
    }

    #[test]
    fn postgresql_keeps_what_schools_ask_and_are_told() {
        let server = Postgres::start().unwrap();
        let (one, other) = (open(&server), open(&server));
        crate::register::wishes::suite::check(&one, &other);
        crate::register::web::suite::check(&one, &other);
        crate::register::releases::suite::check(&one, &other);
        crate::register::configurations::suite::check(&one, &other);
        crate::register::library::suite::check(&one, &other);
    }

    #[test]
    fn over_the_network_it_is_reached_by_tls_and_with_the_password_alone() {
        let (server, authority) = Postgres::start_encrypted("a password").unwrap();
        let roots = |pem: &str| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(
                CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap),
            );
            roots
        };
        let address = server.network_address();
        let register = PostgresRegister::open(&address, Some("a password"), roots(&authority)).unwrap();
        let encrypted = "SELECT CAST(ssl AS BIGINT) FROM (SELECT CASE WHEN ssl THEN 1 ELSE 0 END AS ssl
                         FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS it";
        assert_eq!(register.look(encrypted, &[]).unwrap()[0].int(0).unwrap(), 1);

        let (_, stranger) = Postgres::start_encrypted("a password").unwrap();
        let open = |password, roots| PostgresRegister::open(&address, password, roots);
        assert!(open(Some("a password"), roots(&stranger)).is_err(), "somebody stands between");
        assert!(open(Some("another"), roots(&authority)).is_err());
        assert!(open(None, roots(&authority)).is_err());
        let clear = format!("{address}?sslmode=disable");
        assert!(PostgresRegister::open(&clear, Some("a password"), roots(&authority)).is_err());
    }

    #[test]
    fn only_a_socket_of_this_machine_is_here() {
        let check = |address: &str, expected: bool| {
            assert_eq!(is_here(&address.parse().unwrap()), expected, "{address}");
        };
        check("host=/run/postgresql dbname=hub", true);
        check("postgres://preau@%2Frun%2Fpostgresql/hub", true);
        check("host=/run/postgresql hostaddr=192.0.2.1", false);
        check("host=/run/postgresql,db.example", false);
        check("postgres://preau@db.example/hub", false);
        check("user=preau dbname=hub", false);
    }

    #[test]
    fn acts_are_neither_changed_nor_removed() {
        let server = Postgres::start().unwrap();
        let register = open(&server);
        run_raw(
            &register,
            "INSERT INTO act (at_ms, author, network, deed, about) VALUES (1, 'a', '', 'd', 'e')",
        );
        for sql in ["UPDATE act SET author = 'b'", "DELETE FROM act", "TRUNCATE act"] {
            assert!(register.change(&mut |open| open.run(sql, &[]).map(drop)).is_err(), "{sql}");
        }
    }

    #[test]
    fn a_newer_schema_is_left_alone_and_hubs_that_start_together_make_one() {
        let server = Postgres::start().unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| open(&server));
            }
        });
        let register = open(&server);
        let rows = register.look("SELECT version FROM preau_schema", &[]).unwrap();
        assert_eq!(rows.len(), 1);
        run_raw(&register, "UPDATE preau_schema SET version = 99");
        assert!(PostgresRegister::open(&server.address(), None, RootCertStore::empty()).is_err());
    }

    fn run_raw(register: &PostgresRegister, sql: &str) {
        register.with(|client| Ok(client.batch_execute(sql)?)).unwrap();
    }

    #[test]
    fn what_many_do_at_once_is_done_as_if_one_came_after_the_other() {
        let server = Postgres::start().unwrap();
        let register = open(&server);
        run_raw(
            &register,
            "CREATE TABLE tally (id BIGINT PRIMARY KEY, count BIGINT NOT NULL); INSERT INTO tally VALUES (1, 0)",
        );
        let add = |open: &mut dyn Sql| {
            let found = open.row("SELECT count FROM tally", &[])?.map_or(Ok(0), |row| row.int(0))?;
            open.run("UPDATE tally SET count = ?1", &[Value::from(found + 1)]).map(drop)
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10).for_each(|_| register.change(&mut { add }).unwrap()));
            }
        });
        assert_eq!(register.look("SELECT count FROM tally", &[]).unwrap()[0].int(0).unwrap(), 40);
        // A connection that the server ends while it lies idle is replaced.
        run_raw(
            &register,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'preau hub'",
        );
        for _ in 0..4 {
            assert_eq!(register.look("SELECT count FROM tally", &[]).unwrap().len(), 1);
        }
    }
}
