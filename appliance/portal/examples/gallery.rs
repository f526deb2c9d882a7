//! Writes the pages to a folder, to be looked at in a browser:
//! `cargo run -p portal --example gallery -- target/pages`.

use std::path::Path;
use std::sync::Arc;
use std::{env, fs, io};

use model::{ClockQuality, Device, Fault, Host, Layer, Reason, Ruling, Subject, Timestamp, UnknownDevice};
use portal::pages::{
    Asking, Cause, Certificate, Charter, Closed, Delivery, EnrolPage, Home, Legal, Notice, Outage, Place,
    Refusal, Typed, Unreachable, Why,
};
use portal::{
    Authority, Enrolment, EnrolmentStep, Firewall, Health, Language, ListOrigin, ListStatus, Listener,
    Notices, Refused, Service, Setback, Status, Trial, TrialKind, UpdateOutcome, UpdateStatus, Upstream,
    WayOut,
};

#[path = "gallery/journal.rs"]
mod journal;
#[path = "gallery/people.rs"]
mod people;
#[path = "gallery/selftest.rs"]
mod selftest;
#[path = "gallery/technician.rs"]
mod technician;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let folder = env::args().nth(1).ok_or("usage: gallery FOLDER")?;
    fs::create_dir_all(&folder)?;
    for language in [Language::French, Language::English] {
        let write = |name: &str, html: String| -> io::Result<()> {
            fs::write(Path::new(&folder).join(format!("{name}.{}.html", language.tag())), html)
        };
        write_refusals(language, &write)?;
        write_others(language, &write)?;
        write_whys(language, &write)?;
        write_homes(language, &write)?;
        write_enrolments(language, &write)?;
        write_certificates(language, &write)?;
        people::write_people(language, &write)?;
        journal::write_journal(language, &write)?;
        selftest::write_selftests(&write)?;
        technician::write_technicians(language, &write)?;
    }
    Ok(())
}

/// What time it is in the gallery: the pupils asked some minutes ago.
const NOW_MS: i64 = 1_795_515_000_000;

type Write<'a> = &'a dyn Fn(&str, String) -> io::Result<()>;

fn place() -> Result<Place, Error> {
    Ok(Place {
        school: "École élémentaire Jean-Jaurès".to_owned(),
        helpdesk: Some("01 23 45 67 89".to_owned()),
        portal_url: Some("http://preau.lan/".to_owned()),
        timezone: jiff::tz::TimeZone::get("Europe/Paris")?,
    })
}

fn authority() -> Authority {
    Authority {
        certificate_der: Vec::new(),
        fingerprint: ["0A", "F3", "5C", "91"].repeat(8).join(":"),
        names: ["preau.lan", "10.77.0.1", "fd77::1"].map(str::to_owned).into(),
        origin: "https://preau.lan".to_owned(),
    }
}

fn device() -> Result<Subject, Error> {
    Ok(Subject::Device(Arc::new(Device {
        mac: "02:00:00:00:00:11".parse()?,
        name: "CM2-04".parse()?,
        room: Some("CM2".parse()?),
        profile: "elementaire".parse()?,
    })))
}

fn unknown() -> Result<Subject, Error> {
    let mac = Some("02:00:00:00:00:99".parse()?);
    Ok(Subject::Unknown(UnknownDevice { mac, address: "10.77.0.99".parse()? }))
}

fn write_refusals(language: Language, write: Write<'_>) -> Result<(), Error> {
    let (place, device, unknown) = (place()?, device()?, unknown()?);
    let listed = Reason::Listed { category: "gambling".parse()?, entry: "poker.example".into() };
    let host = Host::parse("www.poker.example")?;
    let page = Refusal { place: &place, subject: &device, host: Some(&host), reason: &listed };
    write("refusal", page.render(language))?;
    let long = Host::parse(&format!("{}.jeux-en-ligne.example", ["tres-long-nom-de-site"; 9].join(".")))?;
    let page = Refusal { place: &place, subject: &unknown, host: Some(&long), reason: &listed };
    write("refusal-long", page.render(language))?;
    let host = Host::parse("203.0.113.7")?;
    let reason = Reason::Fault(Fault::AddressLiteral);
    let page = Refusal { place: &place, subject: &unknown, host: Some(&host), reason: &reason };
    write("refusal-fault", page.render(language))?;
    Ok(())
}

fn write_others(language: Language, write: Write<'_>) -> Result<(), Error> {
    let place = place()?;
    let host = Host::parse("www.musée.example")?;
    write("closed", Closed { place: &place, host: Some(&host) }.render(language))?;
    for cause in [Cause::NoAddress, Cause::NoAnswer, Cause::NoResolver, Cause::Inward] {
        let page = Unreachable { place: &place, host: &host, cause };
        write(&format!("unreachable-{cause:?}"), page.render(language))?;
    }
    let fields = [("titre", "Noël"), ("texte", "Bonjour à tous,\nvoici ma rédaction.")]
        .map(|(name, value)| (name.into(), value.into()));
    let files = &[("fichier", "volcan.pdf")][..];
    for (delivery, typed) in [
        (Delivery::Nothing, None),
        (Delivery::Unsent, Some(Typed { target: "/forum", fields: &fields, files, is_multipart: true })),
        (Delivery::Half, Some(Typed { target: "/forum", fields: &fields, files, is_multipart: true })),
        (Delivery::Unknown, None),
    ] {
        let kept =
            &[("Leçon 1 : les fractions", "/lecon/1"), ("/documents/carte.pdf", "/documents/carte.pdf")];
        let page = Outage { place: &place, host: &host, delivery, typed, has_files: false, kept };
        write(&format!("outage-{delivery:?}"), page.render(language))?;
    }
    let notices = Notices::default();
    write("charter", Charter { place: &place, notices: &notices }.render(language))?;
    write("legal", Legal { place: &place, notices: &notices }.render(language))?;
    write("not-found", Notice::NotFound.render(&place, language))?;
    Ok(())
}

fn write_whys(language: Language, write: Write<'_>) -> Result<(), Error> {
    let (place, device, unknown) = (place()?, device()?, unknown()?);
    let none = Vec::new();
    let noise = vec![refused("use-application-dns.net", Reason::Fault(Fault::Evasion), 12)?];
    let some = refusals()?;
    let asked = people::asked()?;
    let asking = Asking { token: "0", asked: &asked, now: Some(Timestamp::from_unix_ms(NOW_MS)) };
    for (name, visitor, refusals) in
        [("why", &device, &some), ("why-none", &unknown, &none), ("why-noise", &device, &noise)]
    {
        let client = "10.77.0.11".parse()?;
        let page = Why { place: &place, visitor, client, refusals, is_clock_set: true, asking: Some(asking) };
        write(name, page.render(language))?;
    }
    Ok(())
}

fn refusals() -> Result<Vec<Refused>, Error> {
    let (gambling, poker) = ("gambling".parse()?, "poker.example".into());
    let ruling = Ruling {
        layer: Layer::School,
        entry: "jeux.example".into(),
        author: "Mme Martin".parse()?,
        until: Some(Timestamp::from_unix_ms(1_795_600_800_000)),
    };
    let long = format!("{}.video.example", ["tres-long-nom-de-site"; 4].join("."));
    Ok(vec![
        refused("www.poker.example", Reason::Listed { category: gambling, entry: poker }, 6)?,
        refused("www.jeux.example", Reason::Ruled(Arc::new(ruling)), 2)?,
        refused(&long, Reason::NotWhiteListed, 1)?,
        refused("203.0.113.7", Reason::Fault(Fault::AddressLiteral), 1)?,
    ])
}

fn refused(host: &str, reason: Reason, count: u32) -> Result<Refused, Error> {
    Ok(Refused {
        host: Some(Host::parse(host)?),
        is_noise: reason == Reason::Fault(Fault::Evasion),
        reason,
        first: Timestamp::from_unix_ms(1_795_513_800_000),
        last: Timestamp::from_unix_ms(1_795_513_800_000 + i64::from(count - 1) * 30_000),
        count,
    })
}

fn write_homes(language: Language, write: Write<'_>) -> Result<(), Error> {
    let (place, device, unknown) = (place()?, device()?, unknown()?);
    let good = status()?;
    let mut first = good.clone();
    first.list.origin = ListOrigin::Embedded;
    first.list.entries = 27;
    first.list.missing = vec!["dating".parse()?, "sect".parse()?];
    first.firewall = Firewall::Absent;
    first.upstreams = vec![Upstream { server: "192.0.2.53".to_owned(), health: Health::Unknown }];
    let mut closed = good.clone();
    closed.is_open = false;
    for (name, status, visitor) in
        [("home", good, &device), ("home-first", first, &unknown), ("home-closed", closed, &device)]
    {
        let client = "10.77.0.11".parse()?;
        let page = Home { place: &place, status: &status, visitor, client, prepared: &[], enrolment: None };
        write(name, page.render(language))?;
    }
    Ok(())
}

fn write_enrolments(language: Language, write: Write<'_>) -> Result<(), Error> {
    let place = place()?;
    for (name, way, step) in [
        ("enrol", WayOut::Open, EnrolmentStep::Waiting),
        ("enrol-unplugged", WayOut::Unplugged, EnrolmentStep::Waiting),
        ("enrol-used", WayOut::Open, EnrolmentStep::Failed(Setback::Used)),
        ("enrol-inheriting", WayOut::Open, EnrolmentStep::Inheriting(None)),
        ("enrol-done", WayOut::Open, EnrolmentStep::Done(place.school.clone())),
        ("enrol-unpeopled", WayOut::Open, EnrolmentStep::Unpeopled(place.school.clone())),
    ] {
        let enrolment = Enrolment { way, step };
        let (enrolment, place) = (&enrolment, &place);
        let page = EnrolPage { place, enrolment, trouble: None, hub: "", head: "", token: "0" };
        write(name, page.render(language))?;
    }
    Ok(())
}

fn write_certificates(language: Language, write: Write<'_>) -> Result<(), Error> {
    let place = place()?;
    let authority = authority();
    write("certificate", Certificate { place: &place, authority: Some(&authority) }.render(language))?;
    Ok(write("certificate-none", Certificate { place: &place, authority: None }.render(language))?)
}

fn status() -> Result<Status, Error> {
    let listener = |service, address: &str| -> Result<Listener, Error> {
        Ok(Listener { service, address: address.parse()? })
    };
    let trial = |kind, command: &str| Trial { kind, command: command.to_owned() };
    Ok(Status {
        is_open: true,
        journal_days: None,
        list: ListStatus {
            origin: ListOrigin::Built(Some(Timestamp::from_unix_ms(1_786_924_800_000))),
            entries: 637_941,
            categories: 66,
            is_refused: false,
            missing: Vec::new(),
        },
        selftest: None,
        update: Some(UpdateStatus {
            last: Some((Timestamp::from_unix_ms(1_786_924_800_000), UpdateOutcome::Good)),
            next: Some(Timestamp::from_unix_ms(1_787_011_200_000)),
            held: Vec::new(),
            time_zone: jiff::tz::TimeZone::UTC,
        }),
        upstreams: vec![Upstream { server: "192.0.2.53".to_owned(), health: Health::Good }],
        clock: ClockQuality::Synchronised,
        firewall: Firewall::Applied,
        listeners: vec![
            listener(Service::Dns, "10.77.0.1:53")?,
            listener(Service::Dns, "[fd77::1]:53")?,
            listener(Service::DnsTls, "10.77.0.1:853")?,
            listener(Service::GateTls, "10.77.0.1:8443")?,
            listener(Service::GateHttp, "10.77.0.1:8080")?,
            listener(Service::ExplicitProxy, "10.77.0.1:3128")?,
            listener(Service::Portal, "10.77.0.1:8000")?,
            listener(Service::PortalTls, "127.0.0.1:8444")?,
        ],
        trials: vec![
            trial(TrialKind::Refused, "dig @10.77.0.1 www.poker.example"),
            trial(TrialKind::Permitted, "curl -x http://10.77.0.1:3128 http://www.education.example/"),
            trial(TrialKind::Journal, "preau journal search --reason maintenance --device CM2-04"),
        ],
        version: "0.1.0".to_owned(),
    })
}
