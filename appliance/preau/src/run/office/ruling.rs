//! Rules for the whole school that somebody who directs makes, though nobody has asked.

use std::net::Ipv4Addr;
use std::sync::Arc;

use model::{
    AccessKind, DomainName, Host, Layer, NewOverride, Person, Rule, Scope, SiteList, Subject, Timestamp,
    Topic, Unfit, UnknownDevice, Verdict,
};
use policy::{Decided as _, Decision, Question, Target, decide};
use portal::{Hold, SchoolRule, Trouble};

use super::Office;

impl Office {
    pub(super) fn rule_for_school(&self, person: &Person, wanted: &SchoolRule) -> Result<(), Trouble> {
        if !person.role.directs() {
            return Err(Trouble::Denied);
        }
        let clock = self.clock.now();
        let now = clock.plausible().ok_or(Trouble::NoClock)?;
        let sites = wanted.site.parse::<SiteList>().map_err(|_| Trouble::Sites)?;
        let [site] = sites.names() else { return Err(Trouble::Sites) };
        let policy = self.desk.policy();
        // The page lists what is in force: a rule against which something stronger stands is not.
        let is_vain = match wanted.effect {
            Verdict::Refuse => policy.touches_workspace(site) || policy.is_held_open(site, Some(now)),
            Verdict::Permit => self.is_closed_by_commune(site, now),
        };
        if is_vain {
            return Err(Trouble::Stronger);
        }
        let rule = Rule {
            layer: Layer::School,
            effect: wanted.effect,
            topic: Topic::Site(site.clone()),
            scope: Scope::Everyone,
            author: person.name.clone(),
            motive: wanted.motive.clone(),
            from: None,
            until: wanted.until.map(|day| self.end_of(day)).transpose()?,
        };
        let new = NewOverride::new(rule, now).map_err(|unfit| match unfit {
            Unfit::PublicSuffix => Trouble::Sites,
            Unfit::Commune | Unfit::Over | Unfit::TooWide | Unfit::Endless | Unfit::TooLong => Trouble::Field,
        })?;
        self.write(|store| store.add_override(new, clock.quality)).map(drop)
    }

    /// Whether the commune keeps it from some device of the school, or from one that nobody has registered yet.
    fn is_closed_by_commune(&self, site: &DomainName, now: Timestamp) -> bool {
        let (policy, directory) = (self.desk.policy(), self.desk.directory());
        let unknown = UnknownDevice { mac: None, address: Ipv4Addr::UNSPECIFIED.into() };
        let devices = directory.devices().map(|device| Subject::Device(Arc::clone(device)));
        devices.chain([unknown.into()]).any(|subject| {
            let target = Target::Host(Host::from(site.clone()));
            let question = Question { subject, kind: AccessKind::Http, target, destination: None };
            match decide(&policy, question, Some(now)) {
                Decision::Permit(_) => false,
                Decision::Refusal(refusal) => {
                    super::asking::hold_of(refusal.reason()) == Hold::By(Layer::Commune)
                }
            }
        })
    }
}
