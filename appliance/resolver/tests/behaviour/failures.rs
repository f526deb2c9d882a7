//! What clients get when the line, an upstream or the disk fails.

use access::{Resolve, ResolveError};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use resolver::Statistics;

use super::school::{HOME_V4, School, ask_udp, data, extended_error, question, settings, with_edns};
use super::upstream::{Mood, Upstream};

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_helps_out_and_is_renewed() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    let short = with_edns(question("short.example.fr.", RecordType::A), 1232);
    assert_eq!(data(&school.ask(&short).await), ["192.0.2.11"]);
    for mood in [Mood::Silent, Mood::Failing] {
        upstream.set_mood(mood);
        let stale = loop {
            let reply = school.ask(&short).await;
            assert_eq!(data(&reply), ["192.0.2.11"]);
            if extended_error(&reply).is_some() {
                break reply;
            }
        };
        assert_eq!(extended_error(&stale).unwrap().0, 3);
        assert_eq!(stale.answers[0].ttl, 30);
    }
    school.wait_until("stale answers are counted", || school.resolver.statistics().stale >= 2).await;
    school.close().await;
}

/// A box that starts without a line has something to read for those who find it.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_reached_before_the_start_is_where_it_was_while_nobody_answers() {
    let upstream = Upstream::start();
    upstream.set_mood(Mood::Silent);
    let last_addresses: resolver::LastAddresses = std::sync::Arc::new(|name| match name.as_str() {
        "site.example.fr" => vec!["198.51.100.11".parse().unwrap()],
        _ => vec![],
    });
    let upstreams = vec![resolver::Upstream::Plain(upstream.address)];
    let school = School::open_with(resolver::Settings { upstreams, last_addresses, ..settings() }).await;
    let site = with_edns(question("site.example.fr.", RecordType::A), 1232);
    let reply = school.ask(&site).await;
    assert_eq!((data(&reply), extended_error(&reply).unwrap().0), (vec!["198.51.100.11".to_owned()], 3));
    assert_eq!(reply.answers[0].ttl, 30);
    let reply = school.ask(&question("site.example.fr.", RecordType::AAAA)).await;
    assert_eq!((reply.metadata.response_code, reply.answers.len()), (ResponseCode::NoError, 0));
    let permit = school.admit("site.example.fr").unwrap();
    let addresses = school.resolver.resolve(&permit).await.unwrap();
    assert_eq!(addresses, ["198.51.100.11".parse::<std::net::IpAddr>().unwrap()]);
    // What the policy refuses is refused; what is not known stays unknown; who answers outweighs what was.
    assert_eq!(data(&school.ask(&question("bet365.com.", RecordType::A)).await), [HOME_V4]);
    upstream.set_mood(Mood::Failing);
    let reply = school.ask(&question("other.example.fr.", RecordType::A)).await;
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    upstream.set_mood(Mood::Well);
    loop {
        let reply = school.ask(&site).await;
        if extended_error(&reply).is_none() {
            assert_eq!(data(&reply), ["192.0.2.10"]);
            break;
        }
    }
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_answer_it_fails_and_says_why() {
    let upstream = Upstream::start();
    upstream.set_mood(Mood::Failing);
    let school = School::open(&[upstream.address]).await;
    let site = with_edns(question("site.example.fr.", RecordType::A), 1232);
    let reply = school.ask(&site).await;
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(extended_error(&reply).unwrap().0, 22);
    let asked = upstream.asked();
    let again = school.ask(&site).await;
    assert_eq!(again.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(extended_error(&again).unwrap().0, 13);
    assert_eq!(upstream.asked(), asked, "a failure is remembered for a moment");
    let permit = school.admit("other.example.fr").unwrap();
    assert!(matches!(school.resolver.resolve(&permit).await, Err(ResolveError::Unreachable)));
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_upstream_takes_over() {
    for mood in [Mood::Silent, Mood::Failing] {
        let (bad, good) = (Upstream::start(), Upstream::start());
        bad.set_mood(mood);
        let school = School::open(&[bad.address, good.address]).await;
        let reply = school.ask(&question("one.example.fr.", RecordType::A)).await;
        assert_eq!(data(&reply), ["192.0.2.10"]);
        let asked = bad.asked();
        let reply = school.ask(&question("two.example.fr.", RecordType::A)).await;
        assert_eq!(data(&reply), ["192.0.2.10"]);
        if mood == Mood::Silent {
            assert_eq!(bad.asked(), asked, "who is silent is asked last for a while");
        }
        school.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_over_tls_must_prove_its_name() {
    let (upstream, authority) = Upstream::start_tls();
    for (server, roots, expected) in [
        ("dns.example.fr", vec![authority.clone()], ResponseCode::NoError),
        ("other.example.fr", vec![authority.clone()], ResponseCode::ServFail),
        ("dns.example.fr", vec![], ResponseCode::ServFail),
    ] {
        let upstreams = vec![resolver::Upstream::Tls {
            address: upstream.address,
            server: model::Host::parse(server).unwrap(),
        }];
        let settings = resolver::Settings { upstreams, extra_roots: roots, ..settings() };
        let school = School::open_with(settings).await;
        for name in ["one.example.fr.", "two.example.fr."] {
            let reply = school.ask(&question(name, RecordType::A)).await;
            assert_eq!(reply.metadata.response_code, expected, "{server}");
        }
        school.close().await;
    }
    assert_eq!(upstream.asked(), 2);
}

/// What makes no sense is nobody's answer, and the next question is answered as ever: a zone can say anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_record_of_a_service_reaches_nobody() {
    let (over_tls, authority) = Upstream::start_tls();
    let plain = Upstream::start();
    let server = model::Host::parse("dns.example.fr").unwrap();
    for address in [
        resolver::Upstream::Plain(plain.address),
        resolver::Upstream::Tls { address: over_tls.address, server },
    ] {
        let settings = resolver::Settings {
            upstreams: vec![address],
            extra_roots: vec![authority.clone()],
            ..settings()
        };
        let school = School::open_with(settings).await;
        let reply = school.ask(&question("broken-service.example.fr.", RecordType::HTTPS)).await;
        assert_eq!((reply.metadata.response_code, reply.answers.len()), (ResponseCode::ServFail, 0));
        let reply = school.ask(&question("site.example.fr.", RecordType::A)).await;
        assert_eq!(data(&reply), ["192.0.2.10"]);
        school.close().await;
    }
}

/// Else a pupil who asks for such a record would have the whole school work with stale answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_record_does_not_make_the_line_down() {
    let (upstream, authority) = Upstream::start_tls();
    let server = model::Host::parse("dns.example.fr").unwrap();
    let upstreams = vec![resolver::Upstream::Tls { address: upstream.address, server }];
    let settings = resolver::Settings { upstreams, extra_roots: vec![authority], ..settings() };
    let school = School::open_with(settings).await;
    let short = with_edns(question("short.example.fr.", RecordType::A), 1232);
    school.ask(&short).await;
    let server = school.udp[0];
    let broken = tokio::spawn(async move {
        ask_udp(server, &question("broken-service.example.fr.", RecordType::HTTPS)).await
    });
    school.wait_until("the broken record is asked for", || upstream.asked() == 2).await;
    school.ask(&question("site.example.fr.", RecordType::A)).await;
    assert_eq!(broken.await.unwrap().metadata.response_code, ResponseCode::ServFail);
    let reply = school.ask(&short).await;
    assert_eq!(
        (data(&reply), extended_error(&reply)),
        (vec!["192.0.2.11".to_owned()], None),
        "it is asked anew"
    );
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_upstream_the_box_serves_the_rest() {
    let school = School::open(&[]).await;
    let reply = school.ask(&question("site.example.fr.", RecordType::A)).await;
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(data(&school.ask(&question("preau.lan.", RecordType::A)).await), [HOME_V4]);
    assert_eq!(data(&school.ask(&question("bet365.com.", RecordType::A)).await), [HOME_V4]);
    let upstream = Upstream::start();
    school.resolver.swap_upstreams(&[resolver::Upstream::Plain(upstream.address)]).unwrap();
    let reply = school.ask(&question("other.example.fr.", RecordType::A)).await;
    assert_eq!(data(&reply), ["192.0.2.10"]);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_box_never_asks_itself() {
    let school = School::open(&[]).await;
    let itself = school.udp.map(resolver::Upstream::Plain);
    school.resolver.swap_upstreams(&itself).unwrap();
    let reply = school.ask(&with_edns(question("site.example.fr.", RecordType::A), 1232)).await;
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(extended_error(&reply).unwrap().0, 22);
    let expected = Statistics { answered: 1, forwarded: 1, failed: 1, ..Statistics::default() };
    school.wait_for(expected).await;
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_journal_every_name_of_the_web_leads_home() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    let site = with_edns(question("site.example.fr.", RecordType::A), 1232);
    assert_eq!(data(&school.ask(&site).await), ["192.0.2.10"]);
    school.fill_disk().await;
    let asked = upstream.asked();
    let reply = school.ask(&site).await;
    assert_eq!(data(&reply), [HOME_V4], "a kept answer is closed, too");
    assert_eq!(reply.answers[0].ttl, 5);
    let (code, text) = extended_error(&reply).unwrap();
    assert_eq!(code, 14);
    assert!(text.contains("journal"));
    let mail = school.ask(&question("site.example.fr.", RecordType::MX)).await;
    assert!(mail.answers.is_empty() && mail.metadata.response_code == ResponseCode::NoError);
    assert_eq!(data(&school.ask(&question("preau.lan.", RecordType::A)).await), [HOME_V4]);
    assert_eq!(upstream.asked(), asked);
    school.empty_disk().await;
    assert_eq!(data(&school.ask(&site).await), ["192.0.2.10"]);
    school.close().await;
}
