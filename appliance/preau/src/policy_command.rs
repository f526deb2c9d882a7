//! `preau policy`: what the filter would say, and why. Changes nothing.

mod impact;
mod words;

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use blocklist::{Index, builtin};
use model::{AccessKind, Device, Override, Subject, Timestamp, UnknownDevice};
use policy::{Question, Rulebook, Snapshot, Target, explain};
use store::Store;

use crate::config::Config;
use crate::data_folder::{self, KEPT_LIST_FILE, LIST_FILE, STATE_FILE};
use crate::times::parse_start;

pub(crate) use impact::{Change, impact};

/// The school about which something is asked.
pub(crate) struct School {
    pub(crate) config: Config,
    /// The data folder.
    pub(crate) data: PathBuf,
}

impl School {
    /// The school of this configuration and data folder, which must be there when it is named.
    pub(crate) fn open(config: Config, data: Option<&Path>) -> anyhow::Result<Self> {
        match data {
            Some(folder) if !folder.is_dir() => bail!("there is no data folder {}", folder.display()),
            Some(_) | None => Ok(Self { config, data: data_folder::find(data)? }),
        }
    }

    /// The list in force: the compiled one, else the last good one, else the built-in one.
    pub(crate) fn open_list(&self) -> anyhow::Result<Arc<Index>> {
        let compiled = self.config.list_index.clone().unwrap_or_else(|| self.data.join(LIST_FILE));
        for file in [compiled, self.data.join(KEPT_LIST_FILE)].into_iter().filter(|file| file.exists()) {
            match system::lists::open_index(&file) {
                Ok(index) => return Ok(Arc::new(index)),
                // The box itself works on the last good one then.
                Err(error) => writeln!(std::io::stderr(), "{:#}", anyhow::Error::from(error))?,
            }
        }
        writeln!(std::io::stderr(), "no list was built yet: the built-in one is asked")?;
        Ok(Arc::new(builtin()))
    }

    /// When the list in force was built, in milliseconds since 1970 UTC: the date of its file.
    pub(crate) fn list_built_ms(&self) -> Option<i64> {
        let compiled = self.config.list_index.clone().unwrap_or_else(|| self.data.join(LIST_FILE));
        let files = [compiled, self.data.join(KEPT_LIST_FILE)];
        let modified = files.iter().find_map(|file| std::fs::metadata(file).ok()?.modified().ok())?;
        let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    }

    pub(crate) fn open_store(&self) -> anyhow::Result<Option<Store>> {
        let file = self.data.join(STATE_FILE);
        Ok(if file.exists() { Some(Store::open(&file)?) } else { None })
    }

    /// What configuration and store say.
    pub(crate) fn rulebook(&self) -> anyhow::Result<Rulebook> {
        let mut rulebook = self.config.rulebook();
        if let Some(store) = self.open_store()? {
            let in_force = store.open_overrides()?.into_iter().filter(Override::is_in_force);
            rulebook.rules.extend(in_force.map(|it| it.rule));
            rulebook.lessons = store.open_lessons()?;
        }
        Ok(rulebook)
    }

    /// A registered device by its name or hardware address; without a name, a device that nobody registered.
    fn find_subject(&self, device: Option<&str>) -> anyhow::Result<Subject> {
        let Some(text) = device else {
            return Ok(UnknownDevice { mac: None, address: Ipv4Addr::UNSPECIFIED.into() }.into());
        };
        let devices = self.open_store()?.map(|store| store.devices()).transpose()?.unwrap_or_default();
        let is_meant = |device: &Device| device.name.as_str() == text || text.parse() == Ok(device.mac);
        match devices.into_iter().find(is_meant) {
            Some(device) => Ok(Subject::Device(Arc::new(device))),
            None => bail!("no device `{text}` is registered in {}", self.data.display()),
        }
    }
}

/// Tells for each target how its verdict comes about. Exit status 0, whatever the verdicts are.
pub(crate) fn explain_targets(
    school: &School,
    device: Option<&str>,
    at: Option<&str>,
    targets: &[String],
) -> anyhow::Result<ExitCode> {
    let zone = &school.config.school.timezone;
    let at = match at {
        Some(text) => parse_start(text, zone).context("--at")?,
        None => system::clock::now(),
    };
    let targets: Vec<Target> = targets.iter().map(|text| parse_target(text)).collect::<Result<_, _>>()?;
    let subject = school.find_subject(device)?;
    let snapshot = Snapshot::new(school.open_list()?, &school.rulebook()?);
    let mut out = std::io::stdout().lock();
    for target in targets {
        write!(out, "{}", explain_target(&snapshot, &subject, at, target, &words::Words { zone }))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn explain_target(
    snapshot: &Snapshot,
    subject: &Subject,
    at: Timestamp,
    target: Target,
    words: &words::Words<'_>,
) -> String {
    let kind = match target {
        Target::Url { .. } => AccessKind::Http,
        Target::Service { transport, .. } => transport.kind(),
        Target::Host(_) | Target::Fault { .. } => AccessKind::Tls,
    };
    let title = words.title(&target, subject, at);
    let question = Question { subject: subject.clone(), kind, target, destination: None };
    let (steps, decision) = explain(snapshot, question, Some(at));
    words.derivation(&title, &steps, &decision)
}

/// A name, an address or a URL. Of a URL only what the filter can see counts: of `https`, the name.
fn parse_target(text: &str) -> anyhow::Result<Target> {
    let query: blocklist::Query = text.parse().with_context(|| format!("`{text}`"))?;
    Ok(match query {
        blocklist::Query::Host(host) => Target::Host(host),
        blocklist::Query::Url { host, .. } if text.starts_with("https:") => Target::Host(host),
        blocklist::Query::Url { host, path_and_query } => Target::Url { host, path_and_query },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivations_in_words() {
        let text = "version = 1
[school]
name = 'École'
holidays = ['2026-12-19/2027-01-03']
[[commune.exception]]
site = 'www.adult.preau.test'
reason = 'classé par erreur'
author = 'DSI'
[[profile]]
name = 'inconnu'
refused = ['gambling']
[[profile.hours]]
season = 'holidays'
from = '00:00'
to = '24:00'
mode = 'ent'
[[ent]]
hosts = ['ent.example']
";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("school.toml");
        std::fs::write(&file, text).unwrap();
        let school = School::open(Config::load(&file).unwrap(), Some(folder.path())).unwrap();
        let zone = &school.config.school.timezone;
        let snapshot = Snapshot::new(Arc::new(builtin()), &school.rulebook().unwrap());
        let subject = school.find_subject(None).unwrap();
        let mut said = String::new();
        for at in ["2026-11-24 09:30", "2026-12-22 09:30"] {
            let at = parse_start(at, zone).unwrap();
            for target in [
                "http://gambling.preau.test/a",
                "adult.preau.test",
                "www.adult.preau.test",
                "www.google.fr",
                "docs.ent.example",
                "192.0.2.1",
            ] {
                let target = parse_target(target).unwrap();
                said += &explain_target(&snapshot, &subject, at, target, &words::Words { zone });
            }
        }
        insta::assert_snapshot!(said);
    }

    #[test]
    fn what_cannot_be_asked() {
        let open = |data: &str| School::open(Config::load_or_default(None).unwrap(), Some(Path::new(data)));
        assert!(open("/nonexistent").is_err_and(|error| error.to_string().contains("/nonexistent")));
        let folder = tempfile::tempdir().unwrap();
        let school = open(folder.path().to_str().unwrap()).unwrap();
        assert!(school.find_subject(Some("CM2-04")).unwrap_err().to_string().contains("no device `CM2-04`"));
        assert!(parse_target("a..b").is_err());
    }

    /// Nearly half of the published list of children's sites lies under entries of refused categories.
    #[test]
    fn a_class_with_a_white_list_sees_all_of_it() {
        let archive =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ut1/blacklists.tar.gz");
        if !archive.exists() {
            eprintln!("not shown here: the published list is not beside the repository");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lists.idx");
        system::lists::build_index(&archive, &file, &mut |_: blocklist::Event<'_>| {}).unwrap();
        let index = Arc::new(system::lists::open_index(&file).unwrap());
        let children = index.category_id("child").unwrap();
        let good =
            |category: &&model::Category| ["child", "liste_bu", "liste_blanche"].contains(&category.as_str());
        let refused = index.categories().iter().filter(|category| !good(category)).cloned().collect();
        let mut profile = policy::Profile::open("inconnu".parse().unwrap(), refused);
        profile.permitted = ["child".parse().unwrap()].into();
        let subject = Subject::Unknown(UnknownDevice { mac: None, address: Ipv4Addr::LOCALHOST.into() });
        for mode in [policy::Mode::WhiteList, policy::Mode::Open] {
            let profiles = vec![policy::Profile { mode, ..profile.clone() }];
            let snapshot = Snapshot::new(Arc::clone(&index), &Rulebook { profiles, ..Rulebook::default() });
            let names = index.names_in([children].into_iter().collect());
            let is_under_black = |name: &model::DomainName| {
                index.match_name(name).iter().any(|line| {
                    line.set
                        .iter()
                        .any(|id| index.categories().get(id.rank()).is_some_and(|category| !good(&category)))
                })
            };
            assert!(names.iter().filter(|name| is_under_black(name)).count() > 30);
            for name in names {
                let target = Target::Host(model::Host::Name(name.clone()));
                let question =
                    Question { subject: subject.clone(), kind: AccessKind::Tls, target, destination: None };
                let decision = policy::decide(&snapshot, question, None);
                assert!(matches!(decision, policy::Decision::Permit(_)), "{name}: {decision:?}");
            }
        }
    }
}
