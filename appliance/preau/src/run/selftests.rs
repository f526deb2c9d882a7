//! The self-test of each night: when, in which process, and what the pages say of it.

use std::ffi::OsString;
use std::path::Path;

use jiff::tz::TimeZone;
use model::Timestamp;
use portal::{SelftestOutcome, SelftestStatus};
use selftest::{Family, Outcome, Run};
use system::clock::now;
use system::selftest::{By, Nightly, Plan};

use crate::cli::RunOptions;
use crate::config::Config;
use crate::{data_folder, selftest_health};

/// Plans the self-tests of a box with this configuration.
pub(super) fn plan(config: &Config, options: &RunOptions, data: &Path) -> Nightly {
    let by = match &options.selftest_order {
        Some(file) => By::Order(file.clone()),
        None => By::Child(arguments(options.config.as_deref(), data)),
    };
    let school = &config.school;
    let name = school.uai.as_ref().map_or(school.name.as_str(), |uai| uai.as_str());
    let plan = Plan::new(name, config.selftest.at, school.timezone.clone());
    Nightly::new(by, data_folder::selftest_results(data), plan, now())
}

/// What makes this program attack the box whose configuration was read from `file`.
fn arguments(file: Option<&Path>, data: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["selftest", "filter", "--background", "--data"].map(Into::into).into();
    arguments.push(data.into());
    if let Some(file) = file {
        arguments.extend(["--config".into(), file.into()]);
    }
    arguments
}

/// What the pages say.
pub(super) fn describe(nightly: &Nightly, time_zone: &TimeZone) -> SelftestStatus {
    SelftestStatus {
        last: nightly.last().map(describe_run),
        strangers: nightly.last().map(find_strangers).unwrap_or_default(),
        next: nightly.next(),
        time_zone: time_zone.clone(),
    }
}

/// Whoever else gave addresses in the school's network.
fn find_strangers(run: &Run) -> Vec<String> {
    let results = run.results.iter().filter(|result| result.family == Family::Network);
    results
        .filter_map(|result| match &result.outcome {
            Outcome::Fail { detail, .. } => Some(detail.clone()),
            Outcome::Pass | Outcome::NotTested { .. } => None,
        })
        .collect()
}

fn describe_run(run: &Run) -> (Timestamp, SelftestOutcome) {
    (run.started(), selftest_health::judge(run))
}
