//! A derivation in words.

use std::fmt::Write;

use jiff::tz::TimeZone;
use model::{Category, Host, Layer, Reason, Ruling, Subject, Timestamp, Verdict};
use policy::{Decided, Decision, Idle, Step, Target};

/// How times are written.
pub(super) struct Words<'z> {
    pub(super) zone: &'z TimeZone,
}

impl Words<'_> {
    /// What is asked, by whom, and when.
    pub(super) fn title(&self, target: &Target, subject: &Subject, at: Timestamp) -> String {
        let asked = match target {
            Target::Host(host) => host.to_string(),
            Target::Url { host, path_and_query } => format!("{host}{path_and_query}"),
            Target::Service { service, host, transport, port } => {
                format!("{service}: {host} {} {port}", transport.as_str())
            }
            Target::Fault { fault, host } => {
                format!("{} {}", fault.as_str(), host.as_ref().map(Host::to_string).unwrap_or_default())
            }
        };
        let device = match subject {
            Subject::Device(device) => {
                let room = device.room.as_ref().map(|room| format!("{room}, ")).unwrap_or_default();
                format!("{} ({room}{})", device.name, device.profile)
            }
            Subject::Unknown(_) => "a device that nobody registered".to_owned(),
        };
        format!("{asked}, for {device}, {}", self.time(at))
    }

    /// All steps and the verdict, a line each.
    pub(super) fn derivation(&self, title: &str, steps: &[Step], decision: &Decision) -> String {
        let mut text = format!("{title}\n");
        for step in steps {
            // Writing into a text does not fail.
            let _ = writeln!(text, "  {}", self.step(step));
        }
        let _ = match decision {
            Decision::Permit(permit) => {
                let safe = permit.substitute().map(|name| format!(", reached as {name} (safe search)"));
                writeln!(
                    text,
                    "  => permitted: {}{}",
                    self.reason(permit.reason(), Verdict::Permit),
                    safe.unwrap_or_default()
                )
            }
            Decision::Refusal(refusal) => writeln!(
                text,
                "  => refused: {}; {}",
                self.reason(refusal.reason(), Verdict::Refuse),
                lifter(refusal.reason().lifter())
            ),
        };
        text
    }

    fn step(&self, step: &Step) -> String {
        match step {
            Step::Line { entry, categories } => {
                let categories = categories.iter().map(Category::as_str).collect::<Vec<_>>().join(", ");
                format!("the line {entry} stands in: {categories}")
            }
            Step::Idle { ruling, why } => {
                let why = match why {
                    Idle::Scope => "it is for others",
                    Idle::Early => "it has not begun",
                    Idle::Over => "it is over",
                    Idle::NoClock => "it has an end, and the clock is not set",
                };
                format!("{} does not count: {why}", self.ruling(ruling))
            }
            Step::Rule { effect, ruling } => format!("{} says: {effect}", self.ruling(ruling)),
            Step::Locked { category, entry } => {
                format!("the commune has locked the category {category}, where {entry} stands")
            }
            Step::Profile { name, mode, moment } => {
                let time = match moment {
                    Some(moment) if moment.is_holiday => format!(" at {}, in the holidays", moment.time),
                    Some(moment) => format!(" at {}", moment.time),
                    None => " without a clock".to_owned(),
                };
                format!("no rule decides: the profile {name} does, mode {}{time}", mode.as_str())
            }
            Step::Narrowed { narrowing } => {
                format!("it is permitted, but the lesson in the room shows less: {}", narrowing.as_str())
            }
        }
    }

    fn ruling(&self, ruling: &Ruling) -> String {
        let until = ruling.until.map(|until| format!(", until {}", self.time(until)));
        let Ruling { layer, entry, author, until: _ } = ruling;
        format!("the {} rule of {author} on {entry}{}", layer.as_str(), until.unwrap_or_default())
    }

    fn reason(&self, reason: &Reason, verdict: Verdict) -> String {
        match reason {
            Reason::NotListed => "no list that counts has it".to_owned(),
            Reason::Listed { category, entry } => {
                format!("the profile refuses the category {category}, where {entry} stands")
            }
            Reason::WhiteListed { category, entry } => {
                format!("the profile permits the category {category}, where {entry} stands")
            }
            Reason::Workspace { entry } => format!("it belongs to the workspace (ENT), as {entry}"),
            Reason::NotWhiteListed => "the profile shows only its white lists and the workspace".to_owned(),
            Reason::ClosedHours => "the profile shows nothing at this time".to_owned(),
            Reason::Locked { category, entry } => format!("the category {category} is locked ({entry})"),
            Reason::Ruled(ruling) => format!("{} {verdict}s it", self.ruling(ruling)),
            Reason::Service(name) => format!("the service {name} has it, and the profile may use it"),
            Reason::Narrowed(narrowing) => {
                format!("the lesson in the room shows less: {}", narrowing.as_str())
            }
            Reason::Fault(fault) => format!("it is refused for what it is ({})", fault.as_str()),
        }
    }

    fn time(&self, at: Timestamp) -> String {
        match jiff::Timestamp::from_millisecond(at.unix_ms()) {
            Ok(time) => time.to_zoned(self.zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string(),
            Err(_) => at.unix_ms().to_string(),
        }
    }
}

fn lifter(lifter: Option<Layer>) -> &'static str {
    match lifter {
        Some(Layer::Commune) => "only the commune can lift this, by a named exception",
        Some(Layer::School) => "the head can lift this",
        Some(Layer::Lesson) => "a teacher can lift this for a lesson, the head for longer",
        None => "nobody can lift this",
    }
}
