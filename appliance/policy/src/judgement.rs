//! How a host is judged, layer by layer.

use std::net::IpAddr;
use std::sync::Arc;

use blocklist::CategorySet;
use model::{
    AccessKind, DomainName, Fault, Host, InternetMode, Layer, Narrowing, Reason, Ruling, Subject, Timestamp,
    Verdict,
};

use crate::Snapshot;
use crate::evasion;
use crate::explanation::{Silent, Step, Witness};
use crate::profile::Mode;
use crate::snapshot::{FrozenRule, Standing};

/// Who asks, under which rules, when, and by which door; `now` is `None` when the clock is not set.
pub(crate) struct Case<'c> {
    pub(crate) snapshot: &'c Snapshot,
    pub(crate) subject: &'c Subject,
    pub(crate) now: Option<Timestamp>,
    pub(crate) kind: AccessKind,
}

/// A verdict with its reason.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Reason,
}

impl Judged {
    pub(crate) fn permit(reason: Reason) -> Self {
        Self { verdict: Verdict::Permit, reason }
    }

    pub(crate) fn refuse(reason: Reason) -> Self {
        Self { verdict: Verdict::Refuse, reason }
    }
}

/// A list line that covers what is judged.
pub(crate) struct Line<'n> {
    /// What records tell of it: the line's name, without a path.
    entry: &'n str,
    /// Bytes of the whole line. Of lines that cover the same name, the longer is the more specific.
    length: usize,
    set: CategorySet,
}

impl Case<'_> {
    pub(crate) fn judge(&self, host: &Host, path: Option<&str>, witness: &mut impl Witness) -> Judged {
        match host {
            Host::Name(name) => self.judge_name(name, path, witness),
            Host::Address(address) => match self.judge_address(*address) {
                listed @ Judged { verdict: Verdict::Refuse, .. } => listed,
                Judged { verdict: Verdict::Permit, .. } => {
                    Judged::refuse(Reason::Fault(Fault::AddressLiteral))
                }
            },
        }
    }

    pub(crate) fn judge_name(
        &self,
        name: &DomainName,
        path: Option<&str>,
        witness: &mut impl Witness,
    ) -> Judged {
        if evasion::find(name).is_some() {
            return Judged::refuse(Reason::Fault(Fault::Evasion));
        }
        let lines = self.find_lines(name, path);
        for line in &lines {
            witness.see(|| Step::Line {
                entry: line.entry.to_owned(),
                categories: line.set.iter().filter_map(|id| self.snapshot.category(id)).cloned().collect(),
            });
        }
        let judged = self
            .rule(Layer::Commune, name, &lines, witness)
            .or_else(|| self.lock(&lines, witness))
            .or_else(|| self.rule(Layer::School, name, &lines, witness))
            .or_else(|| self.rule(Layer::Lesson, name, &lines, witness))
            .unwrap_or_else(|| self.judge_by_profile(name, &lines, witness));
        match self.narrow(name, &lines, &judged, witness) {
            Some(narrowing) => Judged::refuse(Reason::Narrowed(narrowing)),
            None => judged,
        }
    }

    /// What the lesson in the subject's room refuses of what is permitted otherwise. It opens nothing, and whoever made a
    /// stronger rule decided whether a site is open to the school, not whether a class looks at it now.
    fn narrow(
        &self,
        name: &DomainName,
        lines: &[Line<'_>],
        judged: &Judged,
        witness: &mut impl Witness,
    ) -> Option<Narrowing> {
        if judged.verdict == Verdict::Refuse {
            return None;
        }
        let internet = self.snapshot.internet_of(self.subject, self.now)?;
        let narrowing = internet.narrowing()?;
        // What was opened for the room, whoever else opened it as well, and what is no web, passes unless all is closed.
        let is_opened_here = self
            .rule(Layer::Lesson, name, lines, &mut Silent)
            .is_some_and(|ruled| ruled.verdict == Verdict::Permit);
        let is_beside = is_opened_here || matches!(judged.reason, Reason::Service(_));
        let is_shown = match internet {
            InternetMode::Normal => true,
            InternetMode::List(sites) => {
                is_beside || sites.covers(name) || self.snapshot.workspace_of(name).is_some()
            }
            InternetMode::WorkspaceOnly => is_beside || self.snapshot.workspace_of(name).is_some(),
            InternetMode::Closed => false,
        };
        if is_shown {
            return None;
        }
        witness.see(|| Step::Narrowed { narrowing });
        Some(narrowing)
    }

    /// Whether the lesson in the subject's room has closed all.
    pub(crate) fn is_closed_by_lesson(&self) -> bool {
        self.snapshot.internet_of(self.subject, self.now) == Some(&InternetMode::Closed)
    }

    /// Judges an address that a permitted name leads to, or that was asked for by itself.
    pub(crate) fn judge_address(&self, address: IpAddr) -> Judged {
        let IpAddr::V4(v4) = address.to_canonical() else { return Judged::permit(Reason::NotListed) };
        let set = self.snapshot.index().match_address(v4);
        if set.is_empty() {
            return Judged::permit(Reason::NotListed);
        }
        let entry = v4.to_string();
        let line = [Line { entry: &entry, length: entry.len(), set }];
        let refused = self.standing().refused;
        self.lock(&line, &mut Silent)
            .or_else(|| Some(Judged::refuse(self.listed(&line[0], refused)?)))
            .unwrap_or_else(|| Judged::permit(Reason::NotListed))
    }

    /// What the commune has locked of an address.
    pub(crate) fn lock_address(&self, address: IpAddr) -> Option<Judged> {
        let IpAddr::V4(v4) = address.to_canonical() else { return None };
        let set = self.snapshot.index().match_address(v4);
        let entry = v4.to_string();
        self.lock(&[Line { entry: &entry, length: entry.len(), set }], &mut Silent)
    }

    /// What the subject's profile shows at this time.
    pub(crate) fn standing(&self) -> Standing {
        self.snapshot.standing(self.subject, self.now)
    }

    /// Every line that covers the name or, with a path, the page; the most specific first.
    pub(crate) fn find_lines<'n>(&self, name: &'n DomainName, path: Option<&str>) -> Vec<Line<'n>> {
        let index = self.snapshot.index();
        let names = index.match_name(name).into_iter();
        let names = names.map(|found| Line { entry: found.entry, length: found.entry.len(), set: found.set });
        let Some(path) = path else { return names.collect() };
        // The reason names no path: what a pupil read on a site is nobody's business.
        let pages = index.match_url(&Host::Name(name.clone()), path).into_iter();
        pages
            .map(|found| Line { entry: name.as_str(), length: found.entry.len(), set: found.set })
            .chain(names)
            .collect()
    }

    /// What the rules of one layer say.
    pub(crate) fn rule(
        &self,
        layer: Layer,
        name: &DomainName,
        lines: &[Line<'_>],
        witness: &mut impl Witness,
    ) -> Option<Judged> {
        if !self.snapshot.has_rules() {
            return None;
        }
        let on_sites = name.suffixes().flat_map(|suffix| {
            self.snapshot.rules_on_site(suffix).iter().map(move |rule| (suffix.len(), rule))
        });
        let on_categories =
            lines.iter().flat_map(|line| self.snapshot.rules_on(line.set).map(|rule| (line.length, rule)));
        let of_layer = on_sites.chain(on_categories).filter(|(_, rule)| rule.is_of(layer));
        let (_, rule) = of_layer
            .filter(|(_, rule)| self.counts(rule, witness))
            .max_by_key(|(length, rule)| (*length, rule.opens()))?;
        let ruling = Arc::clone(&rule.ruling);
        witness.see(|| Step::Rule { effect: rule.rule.effect, ruling: Arc::clone(&ruling) });
        Some(Judged { verdict: rule.rule.effect, reason: Reason::Ruled(ruling) })
    }

    fn counts(&self, rule: &FrozenRule, witness: &mut impl Witness) -> bool {
        let outcome = rule.rule.apply(self.subject, self.snapshot.profile_of(self.subject), self.now);
        if let Err(why) = outcome {
            let ruling: &Arc<Ruling> = &rule.ruling;
            witness.see(|| Step::Idle { ruling: Arc::clone(ruling), why });
        }
        outcome.is_ok()
    }

    /// What the commune has locked.
    pub(crate) fn lock(&self, lines: &[Line<'_>], witness: &mut impl Witness) -> Option<Judged> {
        let locked = self.snapshot.locked_categories();
        let (category, entry) = lines.iter().find_map(|line| {
            let category = self.snapshot.category(line.set.intersection(locked).first()?)?;
            Some((category.clone(), line.entry))
        })?;
        witness.see(|| Step::Locked { category: category.clone(), entry: entry.to_owned() });
        Some(Judged::refuse(Reason::Locked { category, entry: entry.into() }))
    }

    fn judge_by_profile(&self, name: &DomainName, lines: &[Line<'_>], witness: &mut impl Witness) -> Judged {
        let standing = self.standing();
        witness.see(|| Step::Profile {
            name: self.snapshot.profile_of(self.subject).clone(),
            mode: standing.mode,
            moment: self.now.map(|now| self.snapshot.calendar().moment(now)),
        });
        if standing.mode == Mode::Closed {
            return Judged::refuse(Reason::ClosedHours);
        }
        if let Some(service) = self.service_asked_for(name) {
            return Judged::permit(Reason::Service(service.clone()));
        }
        if let Some(zone) = self.snapshot.workspace_of(name) {
            let permit = || Judged::permit(Reason::Workspace { entry: zone.as_str().into() });
            return self.bar(lines, standing).unwrap_or_else(permit);
        }
        if standing.mode == Mode::Workspace {
            return Judged::refuse(Reason::NotWhiteListed);
        }
        let by_line = lines.iter().find_map(|line| self.judge_by_line(line, standing));
        by_line.unwrap_or_else(|| match standing.mode {
            Mode::WhiteList | Mode::Workspace | Mode::Closed => Judged::refuse(Reason::NotWhiteListed),
            Mode::Open => Judged::permit(Reason::NotListed),
        })
    }

    /// What a list closes of a workspace that the hub has named: whoever has broken into a hub could call any site one.
    fn bar(&self, lines: &[Line<'_>], standing: Standing) -> Option<Judged> {
        let barred = self.snapshot.barred()?;
        let by_law = lines.iter().find_map(|line| self.listed(line, barred)).map(Judged::refuse);
        let by_profile = || lines.iter().find_map(|line| self.judge_by_line(line, standing));
        by_law.or_else(|| by_profile().filter(|judged| judged.verdict == Verdict::Refuse))
    }

    fn judge_by_line(&self, line: &Line<'_>, standing: Standing) -> Option<Judged> {
        if let Some(id) = line.set.intersection(standing.permitted).first() {
            let category = self.snapshot.category(id)?.clone();
            return Some(Judged::permit(Reason::WhiteListed { category, entry: line.entry.into() }));
        }
        self.listed(line, standing.refused).map(Judged::refuse)
    }

    fn listed(&self, line: &Line<'_>, refused: CategorySet) -> Option<Reason> {
        let category = self.snapshot.category(line.set.intersection(refused).first()?)?.clone();
        Some(Reason::Listed { category, entry: line.entry.into() })
    }
}
