//! The sheet of a self-test: all closed, and as much as fits open.

use model::Timestamp;
use portal::pages::SelftestReport;
use portal::{SelftestLine, SelftestRun};

use super::{Error, NOW_MS, Write, place};

/// Families, how many attacks each has, and the first of them by name.
const FAMILIES: [(&str, usize, &str); 9] = [
    ("control", 6, "control-https"),
    ("names", 9, "dns-foreign"),
    ("encryption", 15, "doh-known-web"),
    ("web", 17, "http-second"),
    ("ports", 2, "ports"),
    ("inside", 1, "doors"),
    ("lists", 40, "category"),
    ("search", 18, "search"),
    ("network", 2, "other-dhcp"),
];

pub(crate) fn write_selftests(write: Write<'_>) -> Result<(), Error> {
    write("selftest-closed", SelftestReport::of(&run("pass", None)?).render())?;
    write("selftest-open", SelftestReport::of(&run("fail", Some("silent"))?).render())?;
    Ok(())
}

/// The first attack of each family comes to `outcome`, the second was not tested, the others are closed.
fn run(outcome: &'static str, why: Option<&str>) -> Result<SelftestRun, Error> {
    let place = place()?;
    let line = |(family, count, id): (&str, usize, &str)| {
        let line = |number: usize| {
            let (outcome, why) = match number {
                0 => (outcome, why),
                1 if outcome == "fail" => ("not-tested", Some("profile-closed")),
                _ => ("pass", None),
            };
            SelftestLine {
                id: id.to_owned(),
                family: family.to_owned(),
                with: "www.un-site-au-nom-plutot-long.example".to_owned(),
                profile: None,
                outcome,
                why: why.map(str::to_owned),
                detail: String::new(),
            }
        };
        (0..count).map(line).collect::<Vec<_>>()
    };
    let lines: Vec<SelftestLine> = FAMILIES.into_iter().flat_map(line).collect();
    let count = |outcome| lines.iter().filter(|line| line.outcome == outcome).count();
    Ok(SelftestRun {
        school: place.school,
        started: Timestamp::from_unix_ms(NOW_MS),
        time_zone: place.timezone,
        is_whole: true,
        is_good: outcome == "pass",
        way: "school".to_owned(),
        program: "0.1.0".to_owned(),
        list_built: Some(Timestamp::from_unix_ms(NOW_MS - 36_000_000)),
        list_lines: Some(4_637_941),
        counts: [count("pass"), count("fail"), count("not-tested")],
        lines,
        helpdesk: place.helpdesk,
    })
}
