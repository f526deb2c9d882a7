//! What a choice of categories would change, before it is made.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use blocklist::{CategorySet, Index};
use jiff::civil::Date;
use model::{
    AccessKind, Category, Device, DomainName, Host, ProfileName, Subject, Tester, Timestamp, UnknownDevice,
    Verdict,
};
use policy::{Decided, Decision, Profile, Question, Rulebook, Snapshot, Target, decide};
use system::segments::Directory;

use super::School;
use crate::reasons::describe;

/// Categories of UT1 with sites that children and schools use.
const GOOD_CATEGORIES: [&str; 2] = ["child", "liste_bu"];
/// Most visited names that are looked at.
const VISITED_MAX: usize = 500;
/// Weeks in which a Tuesday of the term is looked for: the longest holidays take nine.
const WEEKS_AHEAD: i32 = 12;
/// Names that are printed of each group; the others are counted.
const SHOWN_MAX: usize = 20;

/// What somebody thinks of changing.
pub(crate) struct Change {
    pub(crate) profile: ProfileName,
    pub(crate) refuse: Vec<Category>,
    pub(crate) release: Vec<Category>,
}

/// Prints which names the change would close or open for the profile, among the good categories and the names
/// that the school visits most.
pub(crate) fn impact(school: &School, change: &Change) -> anyhow::Result<ExitCode> {
    let before = school.rulebook()?;
    let index = school.open_list()?;
    check_categories(&index, change)?;
    let after = apply(&index, &before, change)?;
    let comparison = Comparison {
        before: Snapshot::new(Arc::clone(&index), &before),
        after: Snapshot::new(Arc::clone(&index), &after),
        subject: pupil(&change.profile)?,
        at: lesson(school)?,
    };
    let mut out = std::io::stdout().lock();
    for category in GOOD_CATEGORIES {
        let id = index.category_id(category);
        let names = id.map(|id| index.names_in(CategorySet::from_iter([id]))).unwrap_or_default();
        comparison.print(&mut out, &format!("names of {category}"), &names)?;
    }
    comparison.print(&mut out, "names that the school visits most", &most_visited(school)?)?;
    Ok(ExitCode::SUCCESS)
}

fn apply(index: &Index, before: &Rulebook, change: &Change) -> anyhow::Result<Rulebook> {
    let mut after = before.clone();
    let Some(profile) = after.profiles.iter_mut().find(|profile| profile.name == change.profile) else {
        let known: Vec<_> = before.profiles.iter().map(|profile| profile.name.as_str()).collect();
        bail!("there is no profile `{}`; known: {}", change.profile, known.join(", "));
    };
    let Profile { refused, .. } = profile;
    refused.extend(change.refuse.iter().cloned());
    // One category may have several names.
    let id = |category: &Category| index.category_id(category.as_str());
    refused.retain(|category| !change.release.iter().any(|released| id(released) == id(category)));
    Ok(after)
}

fn check_categories(index: &Index, change: &Change) -> anyhow::Result<()> {
    let mut named = change.refuse.iter().chain(&change.release);
    match named.find(|category| index.category_id(category.as_str()).is_none()) {
        Some(category) => bail!("the list has no category `{category}`"),
        None => Ok(()),
    }
}

/// Some device of the profile.
fn pupil(profile: &ProfileName) -> anyhow::Result<Subject> {
    if profile.as_str() == UnknownDevice::PROFILE {
        return Ok(UnknownDevice { mac: None, address: std::net::Ipv4Addr::UNSPECIFIED.into() }.into());
    }
    let mac = "02:00:00:00:00:01".parse()?;
    Ok(Subject::Device(Arc::new(Device { mac, name: "any".parse()?, room: None, profile: profile.clone() })))
}

/// Half past nine on the next Tuesday of the term: what is asked is what a lesson would notice.
fn lesson(school: &School) -> anyhow::Result<Timestamp> {
    let zone = &school.config.school.timezone;
    let now = jiff::Timestamp::from_millisecond(system::clock::now().unix_ms())?;
    let today: Date = now.to_zoned(zone.clone()).date();
    for week in 1..=WEEKS_AHEAD {
        let tuesday = today.nth_weekday(week, jiff::civil::Weekday::Tuesday)?;
        let zoned = tuesday.at(9, 30, 0, 0).to_zoned(zone.clone())?;
        let at = Timestamp::from_unix_ms(zoned.timestamp().as_millisecond());
        if !school.config.school.calendar.moment(at).is_holiday {
            return Ok(at);
        }
    }
    bail!("the configuration has holidays on each of the next {WEEKS_AHEAD} Tuesdays")
}

/// The names with the most permitted accesses in the journal, the most visited first. What the box does to test itself is
/// no visit.
fn most_visited(school: &School) -> anyhow::Result<Vec<DomainName>> {
    let mut counts: HashMap<DomainName, u64> = HashMap::new();
    let query = journal::Query { verdict: Some(Verdict::Permit), ..journal::Query::default() };
    if school.data.join("journal").is_dir() {
        journal::search(&Directory::new(&school.data), &query, |hit| {
            if let journal::Hit::Access(found) = hit
                && !found.device.starts_with(Tester::NAME_START)
                && let Some(Host::Name(name)) = found.host
            {
                *counts.entry(name).or_default() += u64::from(found.count);
            }
            ControlFlow::Continue(())
        })?;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_unstable_by(|(name, count), (other, others)| others.cmp(count).then(name.cmp(other)));
    Ok(ranked.into_iter().map(|(name, _)| name).take(VISITED_MAX).collect())
}

/// The policy before and after.
struct Comparison {
    before: Snapshot,
    after: Snapshot,
    subject: Subject,
    at: Timestamp,
}

impl Comparison {
    fn print(&self, out: &mut impl Write, title: &str, names: &[DomainName]) -> anyhow::Result<()> {
        let mut changed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for name in names {
            match (self.judge(&self.before, name), self.judge(&self.after, name)) {
                ((Verdict::Permit, _), (Verdict::Refuse, why)) => {
                    changed.entry("would close").or_default().push(format!("{name} ({why})"));
                }
                ((Verdict::Refuse, _), (Verdict::Permit, _)) => {
                    changed.entry("would open").or_default().push(name.to_string());
                }
                _ => {}
            }
        }
        let count = |what| changed.get(what).map_or(0, Vec::len);
        writeln!(
            out,
            "{title}: {}; {} would close, {} would open",
            names.len(),
            count("would close"),
            count("would open")
        )?;
        for (what, names) in &changed {
            for name in names.iter().take(SHOWN_MAX) {
                writeln!(out, "  {what}: {name}")?;
            }
            if let Some(more) = names.len().checked_sub(SHOWN_MAX).filter(|&more| more > 0) {
                writeln!(out, "  {what}: and {more} more")?;
            }
        }
        Ok(())
    }

    fn judge(&self, snapshot: &Snapshot, name: &DomainName) -> (Verdict, String) {
        let target = Target::Host(Host::Name(name.clone()));
        let subject = self.subject.clone();
        let question = Question { subject, kind: AccessKind::Tls, target, destination: None };
        match decide(snapshot, question, Some(self.at)) {
            Decision::Permit(permit) => (Verdict::Permit, describe(permit.reason())),
            Decision::Refusal(refusal) => (Verdict::Refuse, describe(refusal.reason())),
        }
    }
}

#[cfg(test)]
mod tests {
    use blocklist::Compiler;

    use super::*;

    #[test]
    fn a_category_is_released_by_any_of_its_names() {
        let mut ignore = |_: blocklist::Event<'_>| {};
        let mut compiler = Compiler::new(&mut ignore);
        compiler.add_file("adult/domains", "adult.example\n".as_bytes()).unwrap();
        compiler.add_file("games/domains", "games.example\n".as_bytes()).unwrap();
        compiler.add_alias("porn", "adult").unwrap();
        let index = Index::open(compiler.finish().unwrap().bytes).unwrap();
        let categories =
            |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<Vec<Category>>();
        let name: ProfileName = "elementaire".parse().unwrap();
        let refused = categories(&["adult"]).into_iter().collect();
        let profiles = vec![Profile::open(name.clone(), refused)];
        let before = Rulebook { profiles, ..Rulebook::default() };
        let change = |release: &[&str]| Change {
            profile: name.clone(),
            refuse: categories(&["games"]),
            release: categories(release),
        };
        check_categories(&index, &change(&["porn"])).unwrap();
        let after = apply(&index, &before, &change(&["porn"])).unwrap();
        assert_eq!(after.profiles[0].refused, categories(&["games"]).into_iter().collect());
        let unknown = check_categories(&index, &change(&["poney"])).unwrap_err();
        assert!(unknown.to_string().contains("`poney`"), "{unknown}");
    }
}
