//! The commune's rules: looked at first, then made.

use model::{DomainName, Verdict};
use replication::CommuneRule;

use super::{Answer, Desk};
use crate::office::{Signed, Trouble};
use crate::pages::desk::{Wanted, rules};
use crate::policy::{Contrary, PolicyError, add_rule, find_contrary, is_in_force, read_policy, remove_rule};
use crate::register::people::Duty;

const DAY_MS: i64 = 86_400_000;
/// For how many days a rule may be made: ten years.
const DAYS_MAX: i64 = 3_650;

impl From<PolicyError> for Trouble {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Rule => Self::Rule,
            PolicyError::TooMany => Self::TooMany,
            PolicyError::Unknown(_) | PolicyError::Unlocked(_) => Self::Unknown,
            PolicyError::Race => Self::Race,
            PolicyError::Damaged => {
                tracing::error!("the policy in the register is damaged");
                Self::Unavailable
            }
            PolicyError::Register(error) => error.into(),
        }
    }
}

impl Desk<'_> {
    pub(super) fn rules(self, signed: &Signed, wanted: Option<&Wanted<'_>>) -> Result<Answer, Trouble> {
        let (mut policy, sights) = (read_policy(&*self.hub.register)?, self.sights()?);
        policy.rules.retain(|rule| is_in_force(rule, self.now));
        let bar = self.bar(signed, "/regles");
        let may_act = signed.member.may(Duty::Policy);
        Ok(Answer::page(rules(self.place, bar, &policy, &sights, may_act, wanted)))
    }

    /// Shows what is known of a rule before it is there; with the word that it is meant, makes it.
    pub(super) fn add_rule(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let field = |name: &str| self.visit.field(name).unwrap_or_default().trim();
        let days = field("jours");
        let rule = self.read_rule(signed, days)?;
        let contrary = find_contrary(&*self.hub.register, (&rule.verdict, &rule.site), self.now)?;
        if field("oui").is_empty() {
            return self.rules(signed, Some(&Wanted { rule: &rule, days, contrary: &contrary }));
        }
        let about = format!("{} {} ({})", rule.verdict, rule.site, rule.reason);
        self.office.act(signed, "rule-added", &about, self.now)?;
        self.note_contrary(signed, &contrary)?;
        add_rule(&*self.hub.register, &self.hub.witness, &rule, self.now)?;
        Ok(Answer::see("/regles"))
    }

    /// Writes down which rules of single schools go with one for all.
    pub(super) fn note_contrary(self, signed: &Signed, contrary: &Contrary) -> Result<(), Trouble> {
        contrary.same.iter().try_for_each(|own| {
            let about = format!("{} {} {}", own.rule.verdict, own.rule.site, own.uai);
            self.office.act(signed, "rule-removed", &about, self.now)
        })
    }

    fn read_rule(self, signed: &Signed, days: &str) -> Result<CommuneRule, Trouble> {
        let field = |name: &str| self.visit.field(name).unwrap_or_default().trim();
        let verdict = Verdict::find(field("verdict"));
        let site = DomainName::parse(field("site")).map_err(|_| Trouble::Rule)?;
        let reason: model::Motive = field("motif").parse().map_err(|_| Trouble::Rule)?;
        let until_ms = match days {
            "" => None,
            days => {
                let days: i64 = days.parse().map_err(|_| Trouble::Rule)?;
                let days = Some(days).filter(|days| (1..=DAYS_MAX).contains(days)).ok_or(Trouble::Rule)?;
                Some(self.now.unix_ms().saturating_add(days * DAY_MS))
            }
        };
        if site.is_public_suffix() {
            return Err(Trouble::Rule);
        }
        Ok(CommuneRule {
            verdict: verdict.ok_or(Trouble::Rule)?.as_str().to_owned(),
            site: site.as_str().to_owned(),
            author: signed.member.name.as_str().to_owned(),
            reason: reason.as_str().to_owned(),
            until_ms,
        })
    }

    pub(super) fn remove_rule(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let site = self.visit.field("site").unwrap_or_default();
        let policy = read_policy(&*self.hub.register)?;
        let rule = policy.rules.iter().find(|rule| rule.site == site).ok_or(Trouble::Unknown)?;
        self.office.act(signed, "rule-removed", &format!("{} {site}", rule.verdict), self.now)?;
        remove_rule(&*self.hub.register, &self.hub.witness, site, self.now)?;
        Ok(Answer::see("/regles"))
    }
}
