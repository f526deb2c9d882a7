//! All that a decision depends on, frozen.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use blocklist::{CategoryId, CategorySet, Index};
use model::{
    Category, DomainName, InternetMode, Layer, Lesson, ProfileName, RoomName, Rule, Ruling, ServiceName,
    Subject, Timestamp, Topic, Verdict,
};

use crate::calendar::Calendar;
use crate::profile::{Hours, Mode, Profile};
use crate::safe_search::{SafeSearch, Variants};
use crate::service::Service;

/// What a school has decided, as people wrote it down.
#[derive(Clone, Debug, Default)]
pub struct Rulebook {
    /// The profiles of the school's devices.
    pub profiles: Vec<Profile>,
    /// Categories that the commune refuses to all, and that nobody in the school can open; those that its rules lock besides
    /// ([`Rule::locked`]).
    pub locked: BTreeSet<Category>,
    /// Decisions on single sites and categories.
    pub rules: Vec<Rule>,
    /// The names of the school's online workspace (ENT), each with all names under it.
    pub workspace: Vec<DomainName>,
    /// Where the hub has named the workspace: the categories that it opens to nobody, besides those that the asker's profile refuses.
    /// `None`: people of the box have named it, and only locks close it.
    pub barred: Option<BTreeSet<Category>>,
    /// What may be used beside the web.
    pub services: Vec<Service>,
    /// The lessons under way; of two in one room the last counts.
    pub lessons: Vec<Lesson>,
    /// The profiles whose devices see as much during a lesson as otherwise: those of the teachers themselves.
    pub spared: BTreeSet<ProfileName>,
    /// The school's time.
    pub calendar: Calendar,
}

/// One state of lists and rules. A change makes a new snapshot; a decision sees one snapshot only.
pub struct Snapshot {
    index: Arc<Index>,
    profiles: HashMap<ProfileName, Compiled>,
    /// For devices without a profile: that of unknown devices, or one that refuses every category.
    fallback: (ProfileName, Compiled),
    locked: CategorySet,
    rules_by_site: HashMap<Box<str>, Vec<Arc<FrozenRule>>>,
    rules_by_category: Vec<(CategoryId, Arc<FrozenRule>)>,
    workspace: Vec<DomainName>,
    barred: Option<CategorySet>,
    services: Vec<Service>,
    lessons: HashMap<RoomName, Lesson>,
    spared: BTreeSet<ProfileName>,
    calendar: Calendar,
    variants: Variants,
    missing: Vec<Category>,
}

/// A rule, and what verdicts tell of it.
pub(crate) struct FrozenRule {
    pub(crate) rule: Rule,
    pub(crate) ruling: Arc<Ruling>,
}

/// A profile over the categories of one index.
#[derive(Clone)]
struct Compiled {
    standing: Standing,
    hours: Vec<(Hours, CategorySet, CategorySet)>,
}

/// What a profile shows at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What is shown of the web in general.
    pub mode: Mode,
    /// The categories that are refused.
    pub refused: CategorySet,
    /// The categories that are permitted.
    pub permitted: CategorySet,
    /// Which search engines are led to their safe variants.
    pub safe_search: SafeSearch,
}

impl Snapshot {
    /// Freezes an index and the rules that apply to it.
    ///
    /// A device whose profile is not in the rulebook is treated as an unknown device; when there is no profile
    /// for unknown devices either, it is refused every category of the index.
    #[must_use]
    pub fn new(index: Arc<Index>, rulebook: &Rulebook) -> Self {
        let mut finder = Finder { index: &index, missing: BTreeSet::new() };
        let compiled = |profile: &Profile| (profile.name.clone(), Compiled::new(profile, &mut finder));
        let profiles: HashMap<_, _> = rulebook.profiles.iter().map(compiled).collect();
        let fallback = profiles.get(&ProfileName::unknown()).cloned();
        let fallback = fallback.unwrap_or_else(|| Compiled::refuse_all(&index));
        let locks = rulebook.rules.iter().filter_map(Rule::locked);
        let locked: BTreeSet<Category> = rulebook.locked.iter().chain(locks).cloned().collect();
        let locked = finder.find_all(&locked);
        let (mut rules_by_site, mut rules_by_category) = (HashMap::<_, Vec<_>>::new(), Vec::new());
        // A lock is no rule among others: the commune's own exceptions are stronger, however short they are.
        for rule in rulebook.rules.iter().filter(|rule| rule.locked().is_none()) {
            let frozen = Arc::new(FrozenRule::new(rule));
            match &rule.topic {
                Topic::Site(site) => rules_by_site.entry(site.as_str().into()).or_default().push(frozen),
                Topic::Category(category) => {
                    rules_by_category.extend(finder.find(category).map(|id| (id, frozen)));
                }
            }
        }
        let missing = finder.missing.into_iter().collect();
        // That a list has one of these not is no mistake of anybody's.
        let find = |category: &Category| index.category_id(category.as_str());
        let barred = rulebook.barred.as_ref().map(|barred| barred.iter().filter_map(find).collect());
        Self {
            profiles,
            fallback: (ProfileName::unknown(), fallback),
            locked,
            rules_by_site,
            rules_by_category,
            workspace: rulebook.workspace.clone(),
            barred,
            services: rulebook.services.clone(),
            lessons: rulebook.lessons.iter().map(|lesson| (lesson.room.clone(), lesson.clone())).collect(),
            spared: rulebook.spared.clone(),
            calendar: rulebook.calendar.clone(),
            variants: Variants::new(),
            missing,
            index,
        }
    }

    /// The lists.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The profile by which this subject is judged.
    #[must_use]
    pub fn profile_of(&self, subject: &Subject) -> &ProfileName {
        self.compiled_for(subject).0
    }

    /// What this subject's profile shows at this time. Without a time (the clock is not set) no hours apply.
    #[must_use]
    pub fn standing(&self, subject: &Subject, now: Option<Timestamp>) -> Standing {
        let (_, compiled) = self.compiled_for(subject);
        let mut standing = compiled.standing;
        let Some(now) = now.filter(|_| !compiled.hours.is_empty()) else { return standing };
        let moment = self.calendar.moment(now);
        for (hours, refused, released) in compiled.hours.iter().filter(|(hours, ..)| hours.include(&moment)) {
            standing.mode = hours.mode.unwrap_or(standing.mode);
            let added = standing.refused.bits() | refused.bits();
            standing.refused = CategorySet::from_bits(added & !released.bits());
        }
        standing
    }

    /// The lesson that runs in the subject's room. Without a time (the clock is not set) none does.
    #[must_use]
    pub fn lesson_of(&self, subject: &Subject, now: Option<Timestamp>) -> Option<&Lesson> {
        if self.lessons.is_empty() {
            return None;
        }
        self.lessons.get(subject.room()?).filter(|lesson| lesson.is_running(now))
    }

    /// What a lesson shows the subject of the web.
    pub(crate) fn internet_of(&self, subject: &Subject, now: Option<Timestamp>) -> Option<&InternetMode> {
        let lesson = self.lesson_of(subject, now)?;
        (!self.spared.contains(self.profile_of(subject))).then_some(&lesson.internet)
    }

    /// The school's calendar.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// The named services, in their order: a service's place is its number.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    pub(crate) fn service(&self, name: &ServiceName) -> Option<&Service> {
        self.services.iter().find(|service| service.name == *name)
    }

    /// Categories that are named somewhere and that the lists do not have: a spelling mistake, or a list that
    /// has not been built yet. Somebody should be told.
    #[must_use]
    pub fn missing_categories(&self) -> &[Category] {
        &self.missing
    }

    /// The categories that the commune refuses to all.
    #[must_use]
    pub fn locked_categories(&self) -> CategorySet {
        self.locked
    }

    pub(crate) fn variants(&self) -> &Variants {
        &self.variants
    }

    /// Whether the name belongs to the school's online workspace, or has some of it under it.
    #[must_use]
    pub fn touches_workspace(&self, name: &DomainName) -> bool {
        self.workspace.iter().any(|zone| zone.is_under(name) || name.is_under(zone))
    }

    /// Whether something of this site would stay open, to somebody, were the school to refuse it: the commune permits it, or
    /// the school does by as long a name or a longer one. What is over counts no more, what is yet to begin does.
    #[must_use]
    pub fn is_held_open(&self, site: &DomainName, now: Option<Timestamp>) -> bool {
        let lines = self.index.match_name(site);
        let by_line = lines.iter().flat_map(|line| {
            self.rules_on(line.set).map(move |rule| (line.entry.len() >= site.as_str().len(), rule))
        });
        let by_name = self.rules_by_site.values().flatten().filter_map(|rule| match &rule.rule.topic {
            Topic::Site(name) if name.is_under(site) => Some((true, rule)),
            Topic::Site(name) if site.is_under(name) => Some((false, rule)),
            Topic::Site(_) | Topic::Category(_) => None,
        });
        by_name.chain(by_line).any(|(is_as_long, rule)| {
            let is_over = rule.rule.until.zip(now).is_some_and(|(until, now)| now >= until);
            let wins = match rule.rule.layer {
                Layer::Commune => true,
                Layer::School => is_as_long,
                Layer::Lesson => false,
            };
            rule.opens() && wins && !is_over
        })
    }

    /// The name of the workspace that covers this one.
    pub(crate) fn workspace_of(&self, name: &DomainName) -> Option<&DomainName> {
        self.workspace.iter().filter(|zone| name.is_under(zone)).max_by_key(|zone| zone.as_str().len())
    }

    /// What the workspace opens to nobody, where the hub has named it.
    pub(crate) fn barred(&self) -> Option<CategorySet> {
        self.barred
    }

    /// The category's own name.
    pub(crate) fn category(&self, id: CategoryId) -> Option<&Category> {
        self.index.categories().get(id.rank())
    }

    pub(crate) fn has_rules(&self) -> bool {
        !(self.rules_by_site.is_empty() && self.rules_by_category.is_empty())
    }

    /// The rules on exactly this site.
    pub(crate) fn rules_on_site(&self, site: &str) -> &[Arc<FrozenRule>] {
        self.rules_by_site.get(site).map(Vec::as_slice).unwrap_or_default()
    }

    /// The rules on any of these categories.
    pub(crate) fn rules_on(&self, set: CategorySet) -> impl Iterator<Item = &Arc<FrozenRule>> {
        let is_in = move |id: CategoryId| !set.intersection([id].into_iter().collect()).is_empty();
        self.rules_by_category.iter().filter(move |(id, _)| is_in(*id)).map(|(_, rule)| rule)
    }

    fn compiled_for(&self, subject: &Subject) -> (&ProfileName, &Compiled) {
        let found = match subject {
            Subject::Device(device) => self.profiles.get_key_value(&device.profile),
            Subject::Unknown(_) => None,
        };
        let (name, compiled) = &self.fallback;
        found.unwrap_or((name, compiled))
    }
}

impl FrozenRule {
    fn new(rule: &Rule) -> Self {
        let Rule { layer, author, until, topic, .. } = rule;
        let ruling =
            Ruling { layer: *layer, entry: topic.as_str().into(), author: author.clone(), until: *until };
        Self { rule: rule.clone(), ruling: Arc::new(ruling) }
    }

    pub(crate) fn is_of(&self, layer: Layer) -> bool {
        self.rule.layer == layer
    }

    pub(crate) fn opens(&self) -> bool {
        self.rule.effect == Verdict::Permit
    }
}

impl Compiled {
    fn new(profile: &Profile, finder: &mut Finder<'_>) -> Self {
        let standing = Standing {
            mode: profile.mode,
            refused: finder.find_all(&profile.refused),
            permitted: finder.find_all(&profile.permitted),
            safe_search: profile.safe_search,
        };
        let hours = profile
            .hours
            .iter()
            .map(|hours| (hours.clone(), finder.find_all(&hours.refused), finder.find_all(&hours.released)));
        Self { standing, hours: hours.collect() }
    }

    fn refuse_all(index: &Index) -> Self {
        let refused = index.categories().iter().filter_map(|category| index.category_id(category.as_str()));
        let standing = Standing {
            mode: Mode::Open,
            refused: refused.collect(),
            permitted: CategorySet::default(),
            safe_search: SafeSearch::default(),
        };
        Self { standing, hours: vec![] }
    }
}

/// Finds categories by their names or aliases, and notes those that are not there.
struct Finder<'i> {
    index: &'i Index,
    missing: BTreeSet<Category>,
}

impl Finder<'_> {
    fn find(&mut self, category: &Category) -> Option<CategoryId> {
        let found = self.index.category_id(category.as_str());
        if found.is_none() {
            self.missing.insert(category.clone());
        }
        found
    }

    fn find_all(&mut self, categories: &BTreeSet<Category>) -> CategorySet {
        categories.iter().filter_map(|category| self.find(category)).collect()
    }
}
