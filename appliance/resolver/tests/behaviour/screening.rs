//! What a permitted name leads to.

use std::net::IpAddr;
use std::sync::Arc;

use access::{Resolve, ResolveError, Screened};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use policy::Decided as _;
use resolver::{Settings, Statistics};

use super::school::{HOME_V4, HOME_V6, School, data, extended_error, question, settings, with_edns};
use super::upstream::{Mood, Upstream};

/// A school that knows what lies inside it.
async fn school(upstream: &Upstream) -> School {
    let is_inside = |address: IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets().starts_with(&[10, 77]));
    let upstreams = vec![resolver::Upstream::Plain(upstream.address)];
    School::open_with(Settings { upstreams, is_inward: Arc::new(is_inside), ..settings() }).await
}

fn secure(name: &str, kind: RecordType) -> Message {
    let mut question = with_edns(question(name, kind), 1232);
    question.edns.as_mut().unwrap().set_dnssec_ok(true);
    question
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_for_hidden_names_reach_nobody() {
    let upstream = Upstream::start();
    let school = school(&upstream).await;
    for kind in [RecordType::HTTPS, RecordType::SVCB] {
        // Asked, kept, and behind an alias.
        for (name, expected) in [
            ("ech.example.fr.", &["1 site.example.fr. alpn=h2, ipv4hint=192.0.2.10,"][..]),
            ("ech.example.fr.", &["1 site.example.fr. alpn=h2, ipv4hint=192.0.2.10,"]),
            ("chained.example.fr.", &["ech.example.fr.", "1 . alpn=h2, ipv4hint=192.0.2.10,"]),
        ] {
            let reply = school.ask(&question(name, kind)).await;
            assert_eq!(reply.answers.iter().filter(|r| r.record_type() == RecordType::RRSIG).count(), {
                usize::from(name.starts_with("chained"))
            });
            let plain = reply.answers.iter().filter(|record| record.record_type() != RecordType::RRSIG);
            let plain: Vec<String> = plain.map(|record| record.data.to_string()).collect();
            assert_eq!(plain, expected, "{name} {kind}");
            assert!(!reply.metadata.authentic_data);
        }
        let signed = school.ask(&secure("ech.example.fr.", kind)).await;
        assert_eq!(
            data(&signed),
            ["1 site.example.fr. alpn=h2, ipv4hint=192.0.2.10,"],
            "no signature fits it"
        );
    }
    // Past its time.
    let short = with_edns(question("short-ech.example.fr.", RecordType::HTTPS), 1232);
    school.ask(&short).await;
    upstream.set_mood(Mood::Failing);
    let stale = loop {
        let reply = school.ask(&short).await;
        if extended_error(&reply).is_some() {
            break reply;
        }
    };
    assert_eq!(extended_error(&stale).unwrap().0, 3);
    assert_eq!(data(&stale), ["1 site.example.fr. alpn=h2, ipv4hint=192.0.2.10,"]);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_hides_a_listed_one_is_refused() {
    let upstream = Upstream::start();
    let school = school(&upstream).await;
    let reason = "Préau : catégorie gambling, ligne bet365.com";
    for (name, kind, expected) in [
        ("cloaked.example.fr.", RecordType::A, &[HOME_V4][..]),
        ("cloaked.example.fr.", RecordType::A, &[HOME_V4]),
        ("cloaked.example.fr.", RecordType::AAAA, &[HOME_V6]),
        ("cloaked.example.fr.", RecordType::HTTPS, &[]),
        ("cloaked-service.example.fr.", RecordType::HTTPS, &[]),
    ] {
        let reply = school.ask(&with_edns(question(name, kind), 1232)).await;
        assert_eq!(data(&reply), expected, "{name} {kind}");
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
        assert_eq!(extended_error(&reply).unwrap(), (15, reason.to_owned()), "{name} {kind}");
        assert!(reply.all_sections().all(|record| record.ttl == 5));
    }
    assert_eq!(upstream.asked(), 4);
    let log = school.log().await;
    assert_eq!(log.iter().filter(|line| *line == "cloaked.example.fr refuse listed").count(), 1, "{log:?}");
    assert!(log.contains(&"cloaked-service.example.fr refuse listed".to_owned()), "{log:?}");

    let permit = school.admit("cloaked.example.fr").unwrap();
    let Err(ResolveError::Screened(screened)) = school.resolver.resolve(&permit).await else {
        panic!("the gate would dial it");
    };
    let Screened::Refused(refusal) = *screened else { panic!("{screened:?}") };
    assert_eq!(refusal.decision().host(), permit.decision().host());
    school.close().await;
}

/// An answer without a time to live has each question leave the school.
#[tokio::test(flavor = "multi_thread")]
async fn data_hidden_in_repeats_does_not_get_far() {
    let upstream = Upstream::start();
    let school = school(&upstream).await;
    let fleeting = with_edns(question("fleeting.example.fr.", RecordType::A), 1232);
    for number in 0..3_000 {
        assert_eq!(data(&school.ask(&fleeting).await), ["192.0.2.11"], "{number}");
    }
    let reply = school.ask(&fleeting).await;
    assert_eq!((data(&reply), extended_error(&reply).unwrap().0), (vec![], 15));
    assert_eq!(upstream.asked(), 3_000);
    assert!(school.log().await.contains(&"fleeting.example.fr refuse tunnel".to_owned()));
    school.close().await;
}

/// Its IPv4 and IPv6 answers hide the same name, its questions leave for the same tunnel.
#[tokio::test(flavor = "multi_thread")]
async fn an_access_by_another_door_is_refused_once() {
    let upstream = Upstream::start();
    let school = school(&upstream).await;
    let resolve = async |name: &str| school.resolver.resolve(&school.admit(name).unwrap()).await;
    for number in 0..300 {
        resolve(&format!("secret{number}.tunnel.example.com")).await.unwrap();
    }
    for name in ["cloaked.example.fr", "secret300.tunnel.example.com"] {
        let found = resolve(name).await;
        assert!(matches!(found, Err(ResolveError::Screened(_))), "{found:?}");
    }
    let mut log = school.log().await;
    log.retain(|line| line.contains(" refuse "));
    assert_eq!(log, ["cloaked.example.fr refuse listed", "secret300.tunnel.example.com refuse tunnel"]);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_is_judged_as_well() {
    let upstream = Upstream::start();
    let school = school(&upstream).await;
    let short = with_edns(question("short-cloaked.example.fr.", RecordType::A), 1232);
    school.ask(&short).await;
    upstream.set_mood(Mood::Failing);
    while school.resolver.statistics().stale == 0 {
        let reply = school.ask(&short).await;
        assert_eq!((data(&reply), extended_error(&reply).unwrap().0), (vec![HOME_V4.to_owned()], 15));
    }
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_leads_inside() {
    let upstream = Upstream::start();
    let school = school(&upstream).await;
    for _ in 0..2 {
        let reply = school.ask(&with_edns(question("inward.example.fr.", RecordType::A), 1232)).await;
        assert_eq!((reply.metadata.response_code, reply.answers.len()), (ResponseCode::NoError, 0));
        assert_eq!(reply.authorities[0].ttl, 5);
        let expected = (15, "Préau : le nom mène à une adresse interne".to_owned());
        assert_eq!(extended_error(&reply).unwrap(), expected);
    }
    assert_eq!(upstream.asked(), 1);
    let reply = school.ask(&with_edns(question("inward.example.fr.", RecordType::AAAA), 1232)).await;
    assert_eq!((reply.metadata.response_code, extended_error(&reply)), (ResponseCode::NoError, None));
    assert_eq!(data(&school.ask(&question("mixed.example.fr.", RecordType::A)).await), ["192.0.2.10"]);
    let log = school.log().await;
    assert_eq!(
        log,
        [
            "inward.example.fr permit not-listed",
            "inward.example.fr refuse inward",
            "mixed.example.fr permit not-listed"
        ]
    );
    let permit = school.admit("inward.example.fr").unwrap();
    let found = school.resolver.resolve(&permit).await;
    assert!(matches!(found, Err(ResolveError::Screened(_))), "{found:?}");
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_engine_is_reached_by_its_safe_variant() {
    let upstream = Upstream::start();
    let school = school(&upstream).await;
    let engine = "WwW.google.fr.";
    for _ in 0..2 {
        let reply = school.ask(&with_edns(question(engine, RecordType::A), 1232)).await;
        assert_eq!(data(&reply), ["forcesafesearch.google.com.", "192.0.2.20", "192.0.2.21"]);
        assert_eq!(reply.answers[1].name.to_ascii(), "forcesafesearch.google.com.");
        assert!(reply.answers.iter().all(|record| record.ttl == 5));
        assert_eq!(extended_error(&reply).unwrap(), (4, "Préau : recherche protégée".to_owned()));
    }
    for kind in [RecordType::HTTPS, RecordType::SVCB, RecordType::TXT] {
        let reply = school.ask(&question(engine, kind)).await;
        assert_eq!((reply.metadata.response_code, reply.answers.len()), (ResponseCode::NoError, 0), "{kind}");
        assert_eq!(reply.authorities[0].record_type(), RecordType::SOA);
    }
    assert_eq!(upstream.asked(), 1, "the engine's own name is never asked for");
    assert_eq!(upstream.last().queries[0].name().to_lowercase().to_ascii(), "forcesafesearch.google.com.");
    let permit = school.admit("www.google.fr").unwrap();
    let found = school.resolver.resolve(&permit).await.unwrap();
    assert_eq!(found[0], "192.0.2.20".parse::<IpAddr>().unwrap());
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_ask_for_a_way_around_get_a_negative_answer() {
    let upstream = Upstream::start();
    let school = school(&upstream).await;
    for name in ["use-application-dns.net.", "mask.icloud.com.", "mask-h2.icloud.com."] {
        for kind in [RecordType::A, RecordType::AAAA, RecordType::HTTPS] {
            let reply = school.ask(&with_edns(question(name, kind), 1232)).await;
            assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain, "{name} {kind}");
            assert_eq!(extended_error(&reply).unwrap().0, 15);
            assert_eq!(reply.authorities[0].ttl, 5);
        }
    }
    assert_eq!(upstream.asked(), 0);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_no_host_can_have_are_recorded() {
    let school = School::open(&[]).await;
    for name in ["a b.example.fr.", "1.2.3.456."] {
        let reply = school.ask(&question(name, RecordType::A)).await;
        assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain, "{name}");
    }
    assert_eq!(school.log().await, ["- refuse malformed"], "the second one folds into the first");
    school.wait_for(Statistics { answered: 2, malformed: 2, ..Statistics::default() }).await;
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_hidden_in_names_does_not_get_far() {
    let upstream = Upstream::start();
    let school = school(&upstream).await;
    let ask = async |number: u32| {
        let name = format!("secret{number}.tunnel.example.fr.");
        let reply = school.ask(&with_edns(question(&name, RecordType::A), 1232)).await;
        (data(&reply), extended_error(&reply).map(|(code, _)| code))
    };
    let permitted = (vec!["192.0.2.10".to_owned()], None);
    for number in 0..300 {
        assert_eq!(ask(number).await, permitted, "{number}");
    }
    assert_eq!(ask(300).await, (vec![], Some(15)));
    assert_eq!(ask(7).await, permitted, "a name that is kept betrays nothing");
    assert_eq!(data(&school.ask(&question("site.example.com.", RecordType::A)).await), ["192.0.2.10"]);
    assert_eq!(upstream.asked(), 301);
    let log = school.log().await;
    assert!(log.contains(&"secret300.tunnel.example.fr refuse tunnel".to_owned()));
    // The gate's own look-ups count the same way.
    let permit = school.admit("secret301.tunnel.example.fr").unwrap();
    for number in 0..300 {
        let permit = school.admit(&format!("other{number}.tunnel.example.fr")).unwrap();
        drop(school.resolver.resolve(&permit).await);
    }
    assert!(matches!(school.resolver.resolve(&permit).await, Err(ResolveError::Screened(_))));
    school.close().await;
}
