//! `preau journal seal` and `preau journal keys`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use access::Clock;
use anyhow::{Context, bail};
use archive::Identity;
use portal::pages::SafeSheet;
use system::clock::{SystemClock, keep_pace};
use system::priority::yield_to_all;
use system::sealing::{self, BUSY_STATUS, SealingError};

use crate::config::Config;
use crate::expire_command::expire_nightly;
use crate::reader_keys;

/// Seals what is finished. In the background, only failures are told.
pub(crate) fn seal(data: &Path, config: Option<&Path>, is_background: bool) -> anyhow::Result<ExitCode> {
    let manner = Config::load_or_default(config)?.sealing(config);
    if !data.is_dir() {
        bail!("there is no data folder {}", data.display());
    }
    if is_background && let Err(error) = yield_to_all() {
        let _told = writeln!(io::stderr(), "preau: the journal is sealed with a usual priority: {error}");
    }
    let now = keep_pace(data, SystemClock::new().now());
    // First what is past its time goes: sealing may take long, may fail, and may be ended where memory is short.
    let expired = if is_background { expire_nightly(data, &manner, now) } else { Ok(()) };
    let sealed =
        reader_keys::with_pages(manner, config, data).map(|manner| sealing::seal(data, &manner, now));
    let done = match sealed {
        Ok(Err(SealingError::Busy)) => return Ok(ExitCode::from(BUSY_STATUS)),
        Ok(done) => done.context("the journal is not sealed"),
        Err(error) => Err(error.context("the journal is not sealed")),
    };
    if is_background {
        return done.and(expired).map(|()| ExitCode::SUCCESS);
    }
    let done = done?;
    let mut out = io::stdout().lock();
    for seal in &done.sealed {
        writeln!(
            out,
            "seal {}\t{}\t{} records\t{} bytes\t{}",
            seal.number,
            seal.day,
            seal.records,
            seal.file.bytes,
            seal.file_name()
        )?;
    }
    if done.sealed.is_empty() {
        writeln!(out, "nothing is finished that is not sealed")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a new pair of keys, which is kept nowhere: the public one for `[journal] readers` or `recovery`, the secret one for
/// its owner.
pub(crate) fn print_keys() -> anyhow::Result<ExitCode> {
    let identity = Identity::generate();
    write!(io::stdout(), "{}", identity.write())?;
    writeln!(
        io::stderr(),
        "The line that begins with AGE-SECRET-KEY is not shown again, and this machine does not keep it. Whoever has it reads \
         the log: give it to its owner, on paper or in a file of hers."
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a new pair of keys on a page for the safe. Only its owner reads the file, which is to go once it is printed.
pub(crate) fn write_sheet(path: &Path, config: &Config) -> anyhow::Result<ExitCode> {
    const MODE: u32 = 0o600;
    let identity = Identity::generate();
    let (text, public) = (identity.write(), identity.reader().to_string());
    let secret = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    let sheet = SafeSheet {
        school: &config.school.name,
        time_zone: &config.school.timezone,
        made: SystemClock::new().now().at,
        public: &public,
        secret,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(sheet.render().as_bytes())
        .and_then(|()| file.sync_all())
        .context("the sheet is not whole")?;
    writeln!(io::stdout(), "recovery = '{public}'")?;
    writeln!(
        io::stderr(),
        "Print {} twice, put both into sealed envelopes in the safe, and delete the file: the key is nowhere else.",
        path.display()
    )?;
    Ok(ExitCode::SUCCESS)
}
