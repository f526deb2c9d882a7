//! The diagnosis in words, for programs that are no browser.

use super::checks::check_machine;
use crate::diagnosis::Diagnosis;
use crate::{Language, Status};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What, as a word that stays.
    pub topic: &'static str,
    /// How it is: `good`, `neutral`, `warning`, `bad`.
    pub level: &'static str,
    /// What, in words.
    pub name: String,
    /// How it is, in words.
    pub lines: Vec<String>,
    /// What to do, where somebody has to.
    pub remedy: Option<String>,
}

/// How the box and its machine are, as the technician's page tells it.
#[must_use]
pub fn diagnose(language: Language, status: &Status, diagnosis: &Diagnosis) -> Vec<Finding> {
    let checks = check_machine(language, status, diagnosis).into_iter();
    let findings = checks.map(|check| Finding {
        topic: check.topic.word(),
        level: check.level.class(),
        remedy: check.remedy(language),
        name: check.name,
        lines: check.lines,
    });
    findings.collect()
}
