//! What clients get when all is well.

use access::Resolve;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RecordType};
use resolver::Statistics;

use super::school::{
    HOME_V4, HOME_V6, School, ask_udp, data, exchange_bytes, extended_error, question, receive_tcp, send_tcp,
    settings, with_edns, within,
};
use super::upstream::Upstream;

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_name_is_forwarded_once_and_kept() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    for (kind, expected) in [
        (RecordType::A, "192.0.2.10"),
        (RecordType::AAAA, "2001:db8::10"),
        (RecordType::MX, "10 site.example.fr."),
        (RecordType::HTTPS, "1 . alpn=h2,"),
    ] {
        let before = upstream.asked();
        for name in ["site.example.fr.", "SiTe.eXample.FR."] {
            let reply = school.ask(&question(name, kind)).await;
            assert_eq!(data(&reply).concat().to_lowercase(), expected);
            assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
            assert!(reply.metadata.recursion_available && !reply.metadata.authoritative);
            assert!(!reply.metadata.authentic_data, "the box has checked no signature");
            let expected = Name::from_ascii(name).unwrap();
            assert!(reply.queries[0].name().eq_case(&expected) && reply.answers[0].name.eq_case(&expected));
            assert!((290..=300).contains(&reply.answers[0].ttl));
        }
        assert_eq!(upstream.asked(), before + 1);
    }
    let expected = Statistics { answered: 8, cached: 4, forwarded: 4, ..Statistics::default() };
    school.wait_for(expected).await;
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_name_leads_home_whatever_is_asked() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    for name in ["bet365.com.", "WWW.Bet365.com.", "a.b.adult.preau.test."] {
        for (kind, expected) in [
            (RecordType::A, &[HOME_V4][..]),
            (RecordType::AAAA, &[HOME_V6]),
            (RecordType::HTTPS, &[]),
            (RecordType::SVCB, &[]),
            (RecordType::MX, &[]),
            (RecordType::ANY, &[]),
        ] {
            let reply = school.ask(&with_edns(question(name, kind), 1232)).await;
            assert_eq!(data(&reply), expected, "{name} {kind}");
            assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
            assert!(reply.all_sections().all(|record| record.ttl == 5));
            assert_eq!(reply.authorities.len(), usize::from(expected.is_empty()));
            let (code, text) = extended_error(&reply).unwrap();
            assert_eq!(code, 15);
            let reason = if name.contains("preau") {
                "Préau : catégorie adult, ligne adult.preau.test"
            } else {
                "Préau : catégorie gambling, ligne bet365.com"
            };
            assert_eq!(text, reason);
        }
    }
    assert!(school.ask(&question("bet365.com.", RecordType::A)).await.edns.is_none());
    assert_eq!(data(&school.ask(&question("notbet365.com.", RecordType::A)).await), ["192.0.2.10"]);
    assert_eq!(upstream.asked(), 1);
    school.wait_for(Statistics { answered: 20, blocked: 19, forwarded: 1, ..Statistics::default() }).await;
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_local_never_leaves() {
    use ResponseCode::{NXDomain, NoError, Refused};
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    for (name, kind, code, expected) in [
        ("preau.lan.", RecordType::A, NoError, &[HOME_V4][..]),
        ("PREAU.lan.", RecordType::AAAA, NoError, &[HOME_V6]),
        ("preau.lan.", RecordType::HTTPS, NoError, &[]),
        ("imprimante.lan.", RecordType::A, NXDomain, &[]),
        ("1.0.77.10.in-addr.arpa.", RecordType::PTR, NoError, &["preau.lan."]),
        ("2.0.77.10.in-addr.arpa.", RecordType::PTR, NXDomain, &[]),
        ("localhost.", RecordType::A, NoError, &["127.0.0.1"]),
        ("pc-cm2.local.", RecordType::A, NXDomain, &[]),
        ("_dns.resolver.arpa.", RecordType::SVCB, NoError, &[]),
        ("wpad.", RecordType::A, NoError, &[]),
        (".", RecordType::NS, Refused, &[]),
        ("a b.example.fr.", RecordType::A, NXDomain, &[]),
        ("1.2.3.456.", RecordType::A, NXDomain, &[]),
        ("example.fr.", RecordType::AXFR, Refused, &[]),
    ] {
        let reply = school.ask(&question(name, kind)).await;
        assert_eq!(reply.metadata.response_code, code, "{name} {kind}");
        assert_eq!(data(&reply), expected, "{name} {kind}");
    }
    let any = school.ask(&question("example.fr.", RecordType::ANY)).await;
    assert_eq!(any.answers[0].record_type(), RecordType::HINFO);
    assert_eq!(upstream.asked(), 0);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_name_is_kept_as_missing() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    for _ in 0..2 {
        let reply = school.ask(&question("missing.example.fr.", RecordType::A)).await;
        assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain);
        assert_eq!(reply.authorities[0].record_type(), RecordType::SOA);
        assert!(reply.answers.is_empty());
    }
    assert_eq!(upstream.asked(), 1);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_for_udp_comes_over_tcp() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    let long = with_edns(question("long.example.fr.", RecordType::TXT), 4096);
    let reply = school.ask(&long).await;
    assert!(reply.metadata.truncation && reply.answers.is_empty());
    let mut stream = school.connect().await;
    send_tcp(&mut stream, &long).await;
    let reply = receive_tcp(&mut stream).await;
    assert!(!reply.metadata.truncation);
    assert_eq!(reply.answers.len(), 20);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_carries_many_questions() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    let mut stream = school.connect().await;
    let questions: Vec<_> =
        (0..100).map(|n| question(&format!("n{}.example.fr.", n % 7), RecordType::A)).collect();
    let (mut reader, mut writer) = stream.split();
    let send = async {
        for question in &questions {
            let bytes = question.to_vec().unwrap();
            let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            tokio::io::AsyncWriteExt::write_all(&mut writer, &[&length[..], &bytes].concat()).await.unwrap();
        }
    };
    let receive = async {
        let mut ids = Vec::new();
        for _ in &questions {
            let length = tokio::io::AsyncReadExt::read_u16(&mut reader).await.unwrap();
            let mut bytes = vec![0; usize::from(length)];
            tokio::io::AsyncReadExt::read_exact(&mut reader, &mut bytes).await.unwrap();
            ids.push(hickory_proto::op::Message::from_vec(&bytes).unwrap().metadata.id);
        }
        ids
    };
    let ((), mut ids) = within(async { tokio::join!(send, receive) }).await;
    let mut expected: Vec<_> = questions.iter().map(|question| question.metadata.id).collect();
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert_eq!(upstream.asked(), 7);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_who_wait_for_the_same_share_one_question() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    upstream.set_mood(super::upstream::Mood::Silent);
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let server = school.udp[0];
            tokio::spawn(async move { ask_udp(server, &question("site.example.fr.", RecordType::A)).await })
        })
        .collect();
    school.wait_until("the upstream is asked", || upstream.asked() > 0).await;
    upstream.set_mood(super::upstream::Mood::Well);
    for client in clients {
        assert_eq!(data(&client.await.unwrap()), ["192.0.2.10"]);
    }
    assert_eq!(school.resolver.statistics().forwarded, 1);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_socket_is_served() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    for server in school.udp {
        for _ in 0..2 {
            let reply = ask_udp(server, &question("site.example.fr.", RecordType::A)).await;
            assert_eq!(data(&reply), ["192.0.2.10"]);
        }
        assert!(exchange_bytes(server, b"\x12\x34\x01\0\0\0\0\0\0\0\0\0").await.is_some());
    }
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_says_of_dnssec_reaches_the_upstream() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    let mut with_dnssec = with_edns(question("site.example.fr.", RecordType::A), 1232);
    with_dnssec.metadata.checking_disabled = true;
    with_dnssec.edns.as_mut().unwrap().set_dnssec_ok(true);
    let reply = school.ask(&with_dnssec).await;
    assert!(reply.edns.unwrap().flags().dnssec_ok && reply.metadata.checking_disabled);
    let asked = upstream.last();
    assert!(asked.metadata.checking_disabled && asked.edns.unwrap().flags().dnssec_ok);
    school.ask(&question("site.example.fr.", RecordType::A)).await;
    let asked = upstream.last();
    assert!(!asked.metadata.checking_disabled && !asked.edns.unwrap().flags().dnssec_ok);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_doors_get_addresses_for_their_permits() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    let check = async |name: &str, expected: Result<&[&str], access::ResolveError>| {
        let permit = school.admit(name).unwrap();
        let found = school.resolver.resolve(&permit).await;
        let found = found.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        let expected = expected.map(|all| all.iter().map(ToString::to_string).collect());
        assert_eq!(found.map_err(|e| e.to_string()), expected.map_err(|e| e.to_string()), "{name}");
    };
    check("site.example.fr", Ok(&["192.0.2.10", "2001:db8::10"])).await;
    check("alias.example.fr", Ok(&["192.0.2.10"])).await;
    check("v4only.example.fr", Ok(&["192.0.2.12"])).await;
    check("missing.example.fr", Err(access::ResolveError::NoAddress)).await;
    check("preau.lan", Err(access::ResolveError::NoAddress)).await;
    check("localhost", Err(access::ResolveError::NoAddress)).await;
    school.close().await;

    let upstreams = vec![resolver::Upstream::Plain(upstream.address)];
    let school = School::open_with(resolver::Settings { upstreams, ipv6: false, ..settings() }).await;
    let permit = school.admit("site.example.fr").unwrap();
    let found = school.resolver.resolve(&permit).await.unwrap();
    assert_eq!(found, ["192.0.2.10".parse::<std::net::IpAddr>().unwrap()]);
    school.close().await;
}
