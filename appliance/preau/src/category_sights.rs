//! What the school shows of each category of its list, for the commune that thinks of locking one: counts of devices, of rules and of names of the
//! workspace (ENT), and nobody's accesses.

use std::path::Path;
use std::sync::Arc;

use blocklist::{CategorySet, Index};
use model::{Category, DomainName, Layer, Rule, Scope, Subject, Topic, Verdict};
use policy::{Mode, Rulebook, Snapshot, Standing};
use replication::CategorySight;
use system::lists::open_index;

use crate::config::Config;
use crate::data_folder::{CONFIGURATION_FILE, KEPT_LIST_FILE};
use crate::policy_command::School;

/// Other names of a category that are told: UT1 has seven in all.
const ALIASES_MAX: usize = 8;

/// Looks at the configuration that the box runs with, its list and its rules. Nothing where it has no list yet.
///
/// # Errors
/// One of them cannot be read.
pub(crate) fn look(data: &Path) -> anyhow::Result<Vec<CategorySight>> {
    let (file, list) = (data.join(CONFIGURATION_FILE), data.join(KEPT_LIST_FILE));
    if !list.exists() {
        return Ok(vec![]);
    }
    let config = Config::load_or_default(file.exists().then_some(file.as_path()))?;
    let school = School::open(config, Some(data))?;
    let devices = school.open_store()?.map(|store| store.devices()).transpose()?.unwrap_or_default();
    let devices: Vec<Subject> = devices.into_iter().map(|device| Subject::Device(Arc::new(device))).collect();
    Ok(count(&Arc::new(open_index(&list)?), &school.rulebook()?, &devices))
}

fn count(index: &Arc<Index>, rulebook: &Rulebook, devices: &[Subject]) -> Vec<CategorySight> {
    let snapshot = Snapshot::new(Arc::clone(index), rulebook);
    let open = !snapshot.locked_categories().bits();
    let shown: Vec<u128> =
        devices.iter().map(|device| open & shown_by(snapshot.standing(device, None))).collect();
    let opening = rulebook.rules.iter().filter(|rule| is_of_school(rule));
    let opened: Vec<u128> = opening.map(|rule| open & topic_of(index, &rule.topic).bits()).collect();
    let closing = rulebook.workspace.iter().filter(|host| !is_kept_open(host, rulebook));
    let closing = closing.map(|host| listing(index, host).bits());
    // What is closed by a lock already is closed by no other one.
    let closed: Vec<u128> = closing.filter(|lists| lists & !open == 0).collect();
    let sight = |category: &Category| {
        let id = index.category_id(category.as_str());
        let bit = CategorySet::from_iter(id).bits();
        let count = |sets: &[u128]| sets.iter().filter(|set| **set & bit != 0).count();
        let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (devices, rules) = (small(count(&shown)), small(count(&opened)));
        let aliases = id.and_then(|id| index.category_facts(id)).map(|facts| facts.aliases.as_slice());
        let aliases = aliases.unwrap_or_default().iter().take(ALIASES_MAX);
        CategorySight {
            category: category.as_str().to_owned(),
            devices,
            rules,
            workspace: Some(small(count(&closed))),
            aliases: aliases.map(|alias| alias.as_str().to_owned()).collect(),
        }
    };
    index.categories().iter().map(sight).collect()
}

/// The categories that a profile shows outside of its hours, as bits.
fn shown_by(standing: Standing) -> u128 {
    match standing.mode {
        Mode::Open => !standing.refused.bits() | standing.permitted.bits(),
        Mode::WhiteList => standing.permitted.bits(),
        Mode::Workspace | Mode::Closed => 0,
    }
}

/// Whether a lock would be stronger than this rule, which opens something.
fn is_of_school(rule: &Rule) -> bool {
    rule.effect == Verdict::Permit && rule.layer != Layer::Commune
}

/// Whether a rule of the commune opens this name of the workspace, whatever is locked.
fn is_kept_open(host: &DomainName, rulebook: &Rulebook) -> bool {
    rulebook.rules.iter().any(|rule| {
        rule.layer == Layer::Commune
            && rule.effect == Verdict::Permit
            && rule.scope == Scope::Everyone
            && matches!(&rule.topic, Topic::Site(site) if host.is_under(site))
    })
}

/// The categories of which a rule on this topic opens something; a category also by another name of its.
fn topic_of(index: &Index, topic: &Topic) -> CategorySet {
    match topic {
        Topic::Category(category) => index.category_id(category.as_str()).into_iter().collect(),
        Topic::Site(site) => listing(index, site),
    }
}

/// The categories with a line that covers the name.
fn listing(index: &Index, name: &DomainName) -> CategorySet {
    index.match_name(name).iter().flat_map(|line| line.set.iter()).collect()
}

#[cfg(test)]
mod tests {
    use blocklist::{Compiler, Event, builtin};
    use model::Device;
    use policy::Profile;

    use super::*;

    fn device(profile: &str) -> Subject {
        Subject::Device(Arc::new(Device {
            mac: "02:00:00:00:00:11".parse().unwrap(),
            name: "CM2-04".parse().unwrap(),
            room: None,
            profile: profile.parse().unwrap(),
        }))
    }

    fn rule(layer: Layer, effect: Verdict, topic: Topic) -> Rule {
        let (author, motive) = ("Mme Martin".parse().unwrap(), "exposé".parse().unwrap());
        Rule { layer, effect, topic, scope: Scope::Everyone, author, motive, from: None, until: None }
    }

    #[test]
    fn devices_and_rules_are_counted_and_what_is_locked_already_is_shown_to_nobody() {
        let site = |text: &str| Topic::Site(text.parse().unwrap());
        let category = |text: &str| Topic::Category(text.parse().unwrap());
        let profile = |name: &str, mode: Mode, refused: &[&str]| Profile {
            mode,
            ..Profile::open(name.parse().unwrap(), refused.iter().map(|text| text.parse().unwrap()).collect())
        };
        let rulebook = Rulebook {
            profiles: vec![
                profile("elementaire", Mode::Open, &["adult", "gambling"]),
                profile("adulte", Mode::Open, &["adult"]),
                profile("ent", Mode::Workspace, &[]),
            ],
            rules: vec![
                rule(Layer::School, Verdict::Permit, site("www.gambling.preau.test")),
                rule(Layer::Lesson, Verdict::Permit, category("gambling")),
                rule(Layer::School, Verdict::Refuse, category("gambling")),
                rule(Layer::Commune, Verdict::Permit, site("gambling.preau.test")),
                rule(Layer::School, Verdict::Permit, site("musee.example")),
            ],
            ..Rulebook::default()
        };
        let index = Arc::new(builtin());
        let devices = ["elementaire", "adulte", "adulte", "ent"].map(device);
        let tell = |rulebook: &Rulebook| -> Vec<(String, u32, u32)> {
            let sights = count(&index, rulebook, &devices).into_iter();
            sights.map(|it| (it.category, it.devices, it.rules)).collect()
        };
        let (adult, gambling) = ("adult".to_owned(), "gambling".to_owned());
        assert_eq!(tell(&rulebook), [(adult.clone(), 0, 0), (gambling.clone(), 2, 2)]);
        let locking = Rulebook { locked: ["gambling".parse().unwrap()].into(), ..rulebook };
        assert_eq!(tell(&locking), [(adult, 0, 0), (gambling, 0, 0)]);
    }

    /// A list with another name of a category, and a name of the workspace in two of them.
    fn list() -> Arc<Index> {
        let mut ignore = |_: Event<'_>| {};
        let mut compiler = Compiler::new(&mut ignore);
        for (path, content) in [
            ("adult/domains", "a.example\n"),
            ("games/domains", "jeux.ent.example\nent.example\n"),
            ("social/domains", "ent.example\n"),
        ] {
            compiler.add_file(path, content.as_bytes()).unwrap();
        }
        compiler.add_alias("porn", "adult").unwrap();
        Arc::new(Index::open(compiler.finish().unwrap().bytes).unwrap())
    }

    #[test]
    fn a_category_is_found_by_another_name_of_its() {
        let index = list();
        let adult = topic_of(&index, &Topic::Category("adult".parse().unwrap()));
        assert!(adult.bits() != 0);
        assert_eq!(topic_of(&index, &Topic::Category("porn".parse().unwrap())).bits(), adult.bits());
        assert_eq!(topic_of(&index, &Topic::Category("lost".parse().unwrap())).bits(), 0);
        let rules = vec![rule(Layer::School, Verdict::Permit, Topic::Category("porn".parse().unwrap()))];
        let sights = count(&index, &Rulebook { rules, ..Rulebook::default() }, &[]);
        let told = |name: &str| sights.iter().find(|sight| sight.has_name(name)).map(|sight| sight.rules);
        assert_eq!(
            (told("adult"), told("porn"), told("games"), told("lost")),
            (Some(1), Some(1), Some(0), None)
        );
    }

    #[test]
    fn what_a_lock_would_close_of_the_workspace_is_foretold() {
        let index = list();
        let site = |text: &str| Topic::Site(text.parse().unwrap());
        let workspace: [DomainName; 3] =
            ["ent.example", "jeux.ent.example", "autre.example"].map(|host| host.parse().unwrap());
        let tell = |rules: Vec<Rule>, locked: &[&str]| -> Vec<Option<u32>> {
            let locked = locked.iter().map(|category| category.parse().unwrap()).collect();
            let rulebook = Rulebook { workspace: workspace.to_vec(), rules, locked, ..Rulebook::default() };
            count(&index, &rulebook, &[]).into_iter().map(|sight| sight.workspace).collect()
        };
        assert_eq!(tell(vec![], &[]), [Some(0), Some(2), Some(2)], "adult, games, social");
        // What is closed already is closed by no other lock.
        assert_eq!(tell(vec![], &["games"]), [Some(0), Some(0), Some(0)]);
        let permit = |layer, text: &str| rule(layer, Verdict::Permit, site(text));
        assert_eq!(tell(vec![permit(Layer::Commune, "ent.example")], &[]), [Some(0), Some(0), Some(0)]);
        assert_eq!(tell(vec![permit(Layer::Commune, "jeux.ent.example")], &[]), [Some(0), Some(1), Some(1)]);
        // The school's own rule is weaker than a lock.
        assert_eq!(tell(vec![permit(Layer::School, "ent.example")], &[]), [Some(0), Some(2), Some(2)]);
    }

    #[test]
    fn without_a_list_nothing_is_told() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(look(data.path()).unwrap(), []);
    }
}
