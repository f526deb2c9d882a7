//! The table against three worlds: a box that keeps its word, a network without a filter, and one that is dead.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::rdata::{A, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use model::{DomainName, Tester};
use policy::YouTube;

use crate::*;

const LISTED: &str = "casino.example";
const SITE: &str = "mediatheque.example";
const OWN: [u8; 4] = [10, 77, 0, 1];

fn targets() -> Targets {
    let samples = Samples {
        listed: vec![Listed {
            category: "gambling".parse().unwrap(),
            name: LISTED.parse().ok(),
            is_opened: false,
        }],
        is_open: true,
        is_closed: false,
        has_safe_search: true,
        youtube: Some(YouTube::Strict),
    };
    Targets {
        place: Place {
            ipv4: OWN.into(),
            ipv6: "fd77::1".parse().ok(),
            doors: Doors { dns: 53, tls: 8443, http: 8080, proxy: 3128, portal: 8000, portal_tls: 8444 },
            has_firewall: true,
            own_name: "preau.lan".parse().unwrap(),
        },
        site: SITE.parse().unwrap(),
        listed: None,
        profiles: vec![Attacker {
            profile: "elementaire".parse().ok(),
            tester: Tester::new(1),
            spare: Tester::new(2),
            samples: Some(samples),
        }],
        mark: 7,
    }
}

/// What a world answers.
trait World {
    fn meet(&mut self, action: &Action) -> Seen;
}

fn outcomes(world: &mut impl World, targets: &Targets) -> Vec<(Attack, Outcome)> {
    let own = targets.place.own_addresses();
    let judge = |attack: Attack| {
        let seen: Vec<Seen> = attack.actions().map(|action| world.meet(action)).collect();
        let outcome = attack.judge(&seen, &own);
        (attack, outcome)
    };
    list(targets).into_iter().map(judge).collect()
}

fn names_in(bytes: &[u8], name: &str) -> bool {
    bytes.windows(name.len()).any(|window| window == name.as_bytes())
}

fn reply(message: &[u8]) -> (Message, String, RecordType) {
    let question = Message::from_vec(message).unwrap();
    let query = question.queries[0].clone();
    let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
    let mut answer = Message::query().into_response();
    answer.metadata.id = question.metadata.id;
    answer.add_query(query.clone());
    (answer, name, query.query_type())
}

fn address(answer: &mut Message, name: &str, address: Ipv4Addr) {
    let owner = Name::from_labels(name.split('.').map(str::as_bytes)).unwrap();
    answer.add_answer(Record::from_rdata(owner, 60, RData::A(A(address))));
}

fn error(answer: &mut Message, code: u16) {
    let mut edns = Edns::new();
    edns.options_mut().insert(EdnsOption::Unknown(15, code.to_be_bytes().to_vec()));
    let _code = EdnsCode::Unknown(15);
    answer.set_edns(edns);
}

const HELLO: &[u8] = &[22, 3, 3, 0, 1, 2];
const OWN_PAGE: &str = "HTTP/1.1 403 Forbidden\r\ncache-control: no-store\r\n\r\n<p>Préau</p>";
const PAGE: &str = "HTTP/1.1 200 OK\r\n\r\n<p>casino</p>";

fn alert(code: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, code]
}

/// A network where everything passes: names are answered as they are, every server answers, nothing is refused.
struct Unfiltered {
    zone: Zone,
}

impl World for Unfiltered {
    fn meet(&mut self, action: &Action) -> Seen {
        match action {
            Action::Ask { message, .. } => {
                let (mut answer, name, kind) = reply(message);
                if let Some(bytes) =
                    name.parse().ok().and_then(|name: DomainName| self.zone.answer(&name, kind.into()))
                {
                    return Seen::Answer(bytes);
                }
                address(&mut answer, &name, Ipv4Addr::new(198, 51, 100, 12));
                Seen::Answer(answer.to_vec().unwrap())
            }
            Action::Say { pieces, in_turn: true, .. } => {
                let turn = |piece: &Vec<u8>| if piece[0] == 22 { HELLO.to_vec() } else { PAGE.into() };
                Seen::Heard { turns: pieces.iter().map(turn).collect(), end: End::Closed }
            }
            Action::Say { pieces, .. } => {
                let said = pieces.concat();
                let turn = match said.first() {
                    Some(22) => HELLO.to_vec(),
                    Some(b'S') => b"SSH-2.0-server\r\n".to_vec(),
                    _ => PAGE.into(),
                };
                Seen::Heard { turns: vec![turn], end: End::Open }
            }
            Action::Throw { .. } => Seen::Answer(vec![0; 20]),
            Action::Wait(_) => Seen::Waited,
        }
    }
}

/// A network where nobody answers.
struct Dead;

impl World for Dead {
    fn meet(&mut self, action: &Action) -> Seen {
        if let Action::Wait(_) = action { Seen::Waited } else { Seen::Silence }
    }
}

/// A box that does what it promises.
struct Kept {
    zone: Zone,
    asked: usize,
    stale: bool,
}

impl Kept {
    fn is_refused(name: &str) -> bool {
        let listed = [LISTED, "cloudflare-ech.com"];
        let doh = [
            "dns.google",
            "cloudflare-dns.com",
            "one.one.one.one",
            "quad9.net",
            "opendns.com",
            "nextdns.io",
            "adguard.com",
        ];
        listed.iter().chain(&doh).any(|it| name == *it || name.ends_with(&format!(".{it}")))
            || name.contains(&format!("{LISTED}."))
    }

    fn resolve(&mut self, message: &[u8]) -> Vec<u8> {
        let (mut answer, name, kind) = reply(message);
        let canary =
            ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"].contains(&name.as_str());
        if canary {
            answer.metadata.response_code = ResponseCode::NXDomain;
        } else if name.contains("secret") && self.asked >= 300 || Self::is_refused(&name) {
            address(&mut answer, &name, OWN.into());
            error(&mut answer, 15);
        } else if name.contains(".dedans.") {
            let half = name.starts_with("moitie");
            if half {
                address(&mut answer, &name, Ipv4Addr::new(203, 0, 113, 77));
            } else {
                error(&mut answer, 15);
            }
        } else if let Some(variant) = variant(&name) {
            let owner = Name::from_labels(name.split('.').map(str::as_bytes)).unwrap();
            let target = Name::from_labels(variant.split('.').map(str::as_bytes)).unwrap();
            answer.add_answer(Record::from_rdata(owner, 60, RData::CNAME(CNAME(target))));
        } else if name == "preau.lan" {
            address(&mut answer, &name, OWN.into());
        } else if name.ends_with("resolver.arpa") {
        } else if let Some(bytes) = self.zone.answer(&name.parse().unwrap(), kind.into()) {
            self.asked += usize::from(name.contains("secret"));
            return self.without_keys(&bytes, &name);
        } else {
            address(&mut answer, &name, Ipv4Addr::new(198, 51, 100, 10));
        }
        answer.to_vec().unwrap()
    }

    /// What the resolver leaves of an answer, here for the one record that matters.
    fn without_keys(&mut self, bytes: &[u8], name: &str) -> Vec<u8> {
        let mut message = Message::from_vec(bytes).unwrap();
        message.metadata.authentic_data = false;
        if message.metadata.response_code == ResponseCode::ServFail {
            self.stale = true;
            message =
                Message::from_vec(&Zone::new(vec![]).answer(&name.parse().unwrap(), 65).unwrap()).unwrap();
            message.metadata.authentic_data = false;
            error(&mut message, 3);
        }
        message.answers.retain(|record| record.record_type() != RecordType::RRSIG);
        for record in &mut message.answers {
            use hickory_proto::rr::rdata::HTTPS;
            if let RData::SVCB(service) | RData::HTTPS(HTTPS(service)) = &mut record.data {
                service.svc_params.clear();
            }
        }
        message.to_vec().unwrap()
    }

    fn say(&self, pieces: &[Vec<u8>], in_turn: bool) -> Seen {
        let closed = |turns| Seen::Heard { turns, end: End::Closed };
        let said = pieces.concat();
        let is_listed = said
            .split(|byte| !(byte.is_ascii_alphanumeric() || b".-".contains(byte)))
            .any(|word| Self::is_refused(&String::from_utf8_lossy(word)));
        // The hellos in pieces and records show no name to this simple reader; it puts none of them together.
        let is_cut =
            pieces.len() > 2 || said.windows(4).filter(|window| window == &[22, 3, 1, 0]).count() > 2;
        let is_tls = said.first() == Some(&22);
        let is_connect = said.starts_with(b"CONNECT");
        let names_site = names_in(&said, SITE) || names_in(&said, "preau.lan");
        match (in_turn, is_tls, is_connect) {
            (true, _, true)
                if names_in(&said, ":22 ") || names_in(&said, ":8443 ") || names_in(&said, "203.0.113") =>
            {
                closed(vec![OWN_PAGE.into()])
            }
            (true, _, true) if is_listed => closed(vec![PAGE.into(), alert(49)]),
            (true, _, true) => closed(vec![PAGE.into(), HELLO.to_vec()]),
            (true, ..) => closed(vec![PAGE.into(), OWN_PAGE.into()]),
            (false, true, _) if is_listed || is_cut => closed(vec![alert(49)]),
            (false, true, _) if names_site => closed(vec![HELLO.to_vec()]),
            (false, true, _) => closed(vec![alert(109)]),
            (false, false, _) if said.starts_with(b"SSH") => {
                Seen::Heard { turns: vec![vec![]], end: End::Reset }
            }
            (false, false, _) if is_listed || names_in(&said, "203.0.113") => closed(vec![OWN_PAGE.into()]),
            (false, false, _) => closed(vec![PAGE.into()]),
        }
    }
}

fn variant(name: &str) -> Option<&'static str> {
    let engines = [
        ("google", "forcesafesearch.google.com"),
        ("bing", "strict.bing.com"),
        ("duck", "safe.duckduckgo.com"),
        ("qwant", "safeapi.qwant.com"),
        ("brave", "forcesafe.search.brave.com"),
        ("ecosia", "strict-safe-search.ecosia.org"),
        ("pixabay", "safesearch.pixabay.com"),
        ("startpage", "safe.startpage.com"),
    ];
    let is_youtube = name.contains("youtube");
    let engine = engines.iter().find(|(engine, _)| name.contains(engine)).map(|(_, variant)| *variant);
    if is_youtube { Some("restrict.youtube.com") } else { engine }
}

impl World for Kept {
    fn meet(&mut self, action: &Action) -> Seen {
        match action {
            Action::Ask { message, .. } => Seen::Answer(self.resolve(message)),
            // On the port of TLS, a page in clear is no hello.
            Action::Say { to, pieces, .. } if to.port() == 443 && pieces.concat().starts_with(b"GET") => {
                Seen::Heard { turns: vec![vec![]], end: End::Reset }
            }
            Action::Say { to, pieces, in_turn } if [443, 80, 3128].contains(&to.port()) => {
                self.say(pieces, *in_turn)
            }
            Action::Say { .. } | Action::Throw { .. } => Seen::Rejected,
            Action::Wait(_) => Seen::Waited,
        }
    }
}

fn zone() -> Zone {
    Zone::new(vec![IpAddr::from(OWN)])
}

#[test]
fn a_box_that_keeps_its_word_passes_everything() {
    let mut world = Kept { zone: zone(), asked: 0, stale: false };
    for (attack, outcome) in outcomes(&mut world, &targets()) {
        assert_eq!(outcome, Outcome::Pass, "{} {}", attack.id, attack.with);
    }
    assert!(world.stale, "a stale answer was looked at");
}

/// A self-test that cannot fail is worth nothing.
#[test]
fn every_attack_fails_where_there_is_no_filter() {
    for (attack, outcome) in outcomes(&mut Unfiltered { zone: zone() }, &targets()) {
        let is_failure = matches!(outcome, Outcome::Fail { .. });
        if attack.family == Family::Control {
            assert_eq!(outcome, Outcome::Pass, "{}", attack.id);
        } else if !["ech-stale", "tls-address"].contains(&attack.id) {
            // Who keeps nothing gives nothing stale, and an address of nobody is answered by whoever is there.
            assert!(is_failure, "{} {}: {outcome:?}", attack.id, attack.with);
        }
    }
}

#[test]
fn nothing_passes_on_a_dead_network() {
    for (attack, outcome) in outcomes(&mut Dead, &targets()) {
        assert!(matches!(outcome, Outcome::Fail { .. }), "{}: {outcome:?}", attack.id);
    }
}

/// What a PC needs that is plugged in.
#[test]
fn a_box_is_healthy_where_it_answers_and_refuses_itself() {
    let check_for = |listed: Option<DomainName>, world: &mut dyn World, expected: [&str; 3]| {
        let place = targets().place;
        let needs = needs(&place, listed.as_ref(), None);
        let met = needs.iter().map(|need| {
            let seen: Vec<Seen> = need.actions().map(|action| world.meet(action)).collect();
            match need.judge(&seen, &place.own_addresses()) {
                Outcome::Pass => "pass",
                Outcome::Fail { .. } => "fail",
                Outcome::NotTested { .. } => "not tested",
            }
        });
        assert_eq!(met.collect::<Vec<_>>(), expected);
    };
    // A school whose lists refuse nothing to such a PC has a filter all the same, and it is seen to refuse.
    for listed in [LISTED.parse::<DomainName>().ok(), None] {
        let check = |world: &mut dyn World, expected| check_for(listed.clone(), world, expected);
        check(&mut Kept { zone: zone(), asked: 0, stale: false }, ["pass"; 3]);
        check(&mut Unfiltered { zone: zone() }, ["fail", "fail", "pass"]);
        check(&mut Dead, ["fail"; 3]);
    }
    let needs = needs(&targets().place, None, None);
    let name = needs[1].with.parse().unwrap();
    assert!(policy::is_way_around(&name), "{name}: no rule can open it");
}

#[test]
fn what_was_not_tried_is_not_tested() {
    for attack in list(&targets()) {
        assert_eq!(attack.judge(&[], &[]), Outcome::NotTested { why: Why::Cut, detail: String::new() });
    }
    let mut targets = targets();
    targets.place.has_firewall = false;
    targets.place.ipv6 = None;
    let skipped: BTreeSet<&str> = list(&targets)
        .into_iter()
        .filter(|attack| {
            attack.judge(&[], &[]) == Outcome::NotTested { why: Why::NoFirewall, detail: String::new() }
        })
        .map(|attack| attack.id)
        .collect();
    let expected = [
        "dns-foreign",
        "dns-ipv6",
        "dot",
        "doq",
        "quic",
        "encryption-ipv6",
        "tls-address",
        "tls-ipv6",
        "ports",
        "ports-ipv6",
        "doors",
    ];
    assert_eq!(skipped, expected.into_iter().collect());
}

/// A profile that shows nothing cannot show that something passes; without a list there is no name to try.
#[test]
fn a_closed_profile_and_an_empty_list_say_so() {
    let whys = |samples: Samples| -> BTreeSet<String> {
        let mut targets = targets();
        targets.profiles[0].samples = Some(samples);
        let why = |attack: Attack| match attack.judge(&[], &[]) {
            Outcome::NotTested { why, .. } if why != Why::Cut => Some(format!("{} {why:?}", attack.id)),
            Outcome::NotTested { .. } | Outcome::Pass | Outcome::Fail { .. } => None,
        };
        list(&targets).into_iter().filter_map(why).collect()
    };
    let check = |samples: Samples, expected: &[&str]| {
        let whys = whys(samples);
        expected.iter().for_each(|expected| assert!(whys.contains(*expected), "{expected}: {whys:?}"));
    };
    check(
        Samples::default(),
        &["control-dns ProfileClosed", "dns-listed NoList", "cloak NoList", "youtube NotAsked"],
    );
    // Where nothing at all is shown, refusals say nothing of the lists.
    let category = |name: Option<&str>, is_opened| Listed {
        category: "gambling".parse().unwrap(),
        name: name.and_then(|name| name.parse().ok()),
        is_opened,
    };
    let listed = vec![category(Some(LISTED), false)];
    check(
        Samples { is_closed: true, listed, ..Samples::default() },
        &["dns-listed ProfileClosed", "cloak ProfileClosed", "category ProfileClosed"],
    );
    let listed = vec![category(None, true)];
    check(Samples { is_open: true, listed, ..Samples::default() }, &["category Opened", "dns-listed NoList"]);
}

#[test]
fn a_refusal_without_its_record_is_a_failure() {
    let attacks = list(&targets());
    let listed = attacks.iter().find(|attack| attack.id == "dns-listed").unwrap();
    assert_eq!(listed.judge_records(Outcome::Pass, |_| true), Outcome::Pass);
    let missing = listed.judge_records(Outcome::Pass, |_| false);
    assert!(matches!(missing, Outcome::Fail { why: Why::Unrecorded, .. }), "{missing:?}");
    let open = Outcome::Fail { why: Why::Open, detail: String::new() };
    assert_eq!(listed.judge_records(open.clone(), |_| false), open);
    let recorded = |attack: &&Attack| attack.family != Family::Control && !attack.records.is_empty();
    assert!(attacks.iter().filter(recorded).count() > 30);
}

/// Every step of every attack is something that can be sent.
#[test]
fn nothing_empty_is_sent() {
    for attack in list(&targets()) {
        for action in attack.actions() {
            match action {
                Action::Ask { message, .. } => assert!(message.len() > 12, "{}", attack.id),
                Action::Throw { bytes, .. } => assert!(!bytes.is_empty(), "{}", attack.id),
                Action::Say { pieces, .. } => {
                    assert!(pieces.iter().all(|piece| !piece.is_empty()), "{}", attack.id);
                }
                Action::Wait(ms) => assert!(*ms < 10_000),
            }
        }
    }
}

#[test]
fn a_kept_run_comes_back() {
    let attacks = list(&targets());
    let outcomes = [
        Outcome::Pass,
        Outcome::Fail { why: Why::Open, detail: "8.8.8.8: 198.51.100.12".to_owned() },
        Outcome::NotTested { why: Why::NoIpv6, detail: String::new() },
    ];
    let results = attacks.iter().zip(outcomes).map(|(attack, outcome)| Result::of(attack, outcome)).collect();
    let run = Run {
        started_ms: 1_795_900_000_000,
        ended_ms: Some(1_795_900_012_000),
        state: State::Finished,
        way: Way::School,
        school: "École Jean-Jaurès".to_owned(),
        program: "0.1.0".to_owned(),
        list_built_ms: Some(1_795_800_000_000),
        list_lines: Some(4_600_000),
        results,
    };
    assert_eq!(parse(&run.to_bytes().unwrap()).unwrap(), run);
    assert_eq!((run.counts(), run.is_good()), ([1, 1, 1], false));
    let golden = include_bytes!("../testdata/run-v1.json");
    assert_eq!(
        String::from_utf8_lossy(golden).trim_end(),
        String::from_utf8(run.to_bytes().unwrap()).unwrap()
    );
    assert_eq!(parse(golden).unwrap(), run);
    let empty = Run { results: vec![], ..run.clone() };
    assert!(!empty.is_good(), "nothing was tried");
    let good = |state| {
        Run { state, results: run.results.iter().take(1).cloned().collect(), ..run.clone() }.is_good()
    };
    assert_eq!((good(State::Finished), good(State::Cut), good(State::Running)), (true, false, false));
    let controls = |count: usize| {
        let results = run.results.iter().cloned().map(|it| Result { family: Family::Control, ..it });
        Run { results: results.take(count).collect(), ..run.clone() }.has_controls()
    };
    assert_eq!((controls(0), controls(1), controls(run.results.len())), (false, true, false));
    for text in ["", "{", "[]", "{\"version\":\"2\"}", "{\"version\":\"1\"}"] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(matches!(parse(&vec![b' '; 1 << 21]), Err(RunError::TooLarge)));
}
