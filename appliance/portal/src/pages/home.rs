//! The portal's home page: the box at a glance.

use std::net::IpAddr;

use askama::Template;
use model::Subject;

use super::checks::{Check, check_all};
use super::frame::{Detail, Frame, describe_subject, render};
use super::{Certificate, EnrolPage, Place, Why, enrol};
use crate::{Enrolment, Language, Service, Status, TrialKind};

/// Says whether the web is open, who the visitor is for the box, what works, what listens, what to try.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// How the box is.
    pub status: &'a Status,
    /// Who looks at the page.
    pub visitor: &'a Subject,
    /// From which address.
    pub client: IpAddr,
    /// What is prepared for lessons, or here from the commune: where it is, and what it is called.
    pub prepared: &'a [(String, String)],
    /// How far its enrolment is, where the box is a fresh one.
    pub enrolment: Option<&'a Enrolment>,
}

#[derive(Template)]
#[template(path = "home.html")]
struct View<'a> {
    frame: Frame<'a>,
    tone: &'static str,
    headline: String,
    lead: String,
    is_known: bool,
    register: Option<String>,
    visitor: Vec<Detail>,
    prepared: &'a [(String, String)],
    enrolment: Option<enrol::Told>,
    enrol_path: &'static str,
    why_path: &'static str,
    certificate_path: &'static str,
    checks: Vec<Check>,
    services: Vec<Detail>,
    trials: Vec<Detail>,
    version: &'a str,
}

impl Home<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let checks = check_all(language, self.status);
        let (tone, headline, lead) = match checks.iter().filter(|check| check.level.needs_attention()).count()
        {
            _ if !self.status.is_open => ("bad", language.say("home-closed"), "home-closed-lead"),
            0 => ("good", language.say("home-open"), "home-open-lead"),
            1 => ("warning", language.say("home-watch"), "home-watch-lead"),
            several => {
                let count = several.to_string();
                ("warning", language.say_with("home-watch-several", &[("count", &count)]), "home-watch-lead")
            }
        };
        render(&View {
            frame: Frame::new(self.place, language),
            tone,
            headline,
            lead: language.say(lead),
            is_known: matches!(self.visitor, Subject::Device(_)),
            register: self.register_command(),
            visitor: self.describe_visitor(language),
            prepared: self.prepared,
            enrolment: self.enrolment.map(|enrolment| enrol::tell(language, enrolment)),
            enrol_path: EnrolPage::PATH,
            why_path: Why::PATH,
            certificate_path: Certificate::PATH,
            checks,
            services: list_services(language, self.status),
            trials: list_trials(language, self.status),
            version: &self.status.version,
        })
    }

    /// The command that makes an unknown device a known one.
    fn register_command(&self) -> Option<String> {
        match self.visitor {
            Subject::Unknown(unknown) => {
                let mac = unknown.mac?.of_a_machine().ok()?;
                Some(format!("preau device add {mac} --name \"CM2-04\" --room CM2 --profile elementaire"))
            }
            Subject::Device(_) => None,
        }
    }

    fn describe_visitor(&self, language: Language) -> Vec<Detail> {
        let mut details = describe_subject(language, self.visitor);
        details.push(Detail::new(language.say("home-address"), self.client.to_string()));
        if let Some(mac) = self.visitor.mac() {
            details.push(Detail::new(language.say("home-mac"), mac.to_string()));
        }
        details
    }
}

/// One line a service, with all its addresses.
fn list_services(language: Language, status: &Status) -> Vec<Detail> {
    let mut listeners = status.listeners.clone();
    listeners.sort_by_key(|listener| (listener.service, listener.address));
    let mut services: Vec<Detail> = Vec::new();
    for listener in listeners {
        let name = language.say(match listener.service {
            Service::Dns => "home-service-dns",
            Service::DnsTls => "home-service-dns-tls",
            Service::GateTls => "home-service-tls",
            Service::GateHttp => "home-service-http",
            Service::ExplicitProxy => "home-service-proxy",
            Service::Portal => "home-service-portal",
            Service::PortalTls => "home-service-portal-tls",
        });
        let address = listener.address.to_string();
        match services.last_mut() {
            Some(last) if last.name == name => last.value = format!("{}, {address}", last.value),
            _ => services.push(Detail::new(name, address)),
        }
    }
    services
}

fn list_trials(language: Language, status: &Status) -> Vec<Detail> {
    let name = |kind: TrialKind| match kind {
        TrialKind::Refused => "home-trial-refused",
        TrialKind::Permitted => "home-trial-permitted",
        TrialKind::Journal => "home-trial-journal",
    };
    let trials = status.trials.iter();
    trials.map(|trial| Detail::new(language.say(name(trial.kind)), trial.command.as_str())).collect()
}
