//! Reasons for programs (draft-ietf-dnsop-structured-dns-error).

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::EdnsOption;
use resolver::{Explanation, Settings};
use serde_json::{Value, json};

use super::school::{
    HOME_V4, School, data, extended_error, question, receive_tcp, send_tcp, settings, with_edns,
};
use super::upstream::Upstream;

async fn open(upstream: &Upstream) -> School {
    open_as("École Jean-Jaurès", upstream).await
}

async fn open_as(organization: &str, upstream: &Upstream) -> School {
    let explanation = Explanation {
        contacts: vec!["tel:+33123456789".to_owned()],
        organization: organization.to_owned(),
        page: Some("http://preau.lan/pourquoi".to_owned()),
    };
    let upstreams = vec![resolver::Upstream::Plain(upstream.address)];
    School::open_with(Settings { upstreams, explanation, ..settings() }).await
}

/// A question of a client that reads objects.
fn structured(name: &str, bytes_max: u16) -> Message {
    let mut message = with_edns(question(name, RecordType::A), bytes_max);
    message.edns.as_mut().unwrap().options_mut().insert(EdnsOption::Unknown(26, vec![]));
    message
}

fn object(reply: &Message) -> Value {
    let (code, text) = extended_error(reply).unwrap();
    assert_eq!(code, 15);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_asks_gets_an_object_and_no_address() {
    let upstream = Upstream::start();
    let school = open(&upstream).await;
    let expected = json!({
        "c": ["tel:+33123456789"],
        "j": "catégorie gambling, ligne bet365.com. Détails : http://preau.lan/pourquoi",
        "s": 5,
        "o": "École Jean-Jaurès",
        "l": "fr",
    });
    // Over UDP too: what an unprotected answer is worth is for the client to say.
    let by_udp = school.ask(&structured("bet365.com.", 1232)).await;
    let mut stream = school.connect().await;
    send_tcp(&mut stream, &structured("bet365.com.", 1232)).await;
    let by_tcp = receive_tcp(&mut stream).await;
    for reply in [by_udp, by_tcp] {
        assert_eq!(object(&reply), expected);
        assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain);
        assert!(reply.answers.is_empty() && reply.authorities[0].ttl == 5);
    }
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_a_datagram_is_told_in_short() {
    let upstream = Upstream::start();
    let school = open_as(&"École élémentaire publique ".repeat(6), &upstream).await;
    let long = format!("{}.bet365.com.", ["a".repeat(60), "b".repeat(60), "c".repeat(60)].join("."));
    let reply = school.ask(&structured(&long, 512)).await;
    assert!(!reply.metadata.truncation);
    assert_eq!(object(&reply), json!({ "c": ["tel:+33123456789"], "s": 5 }));
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_get_a_line_and_the_page() {
    let upstream = Upstream::start();
    let school = open(&upstream).await;
    let reply = school.ask(&with_edns(question("bet365.com.", RecordType::A), 1232)).await;
    let (_, text) = extended_error(&reply).unwrap();
    assert_eq!(text, "Préau : catégorie gambling, ligne bet365.com");
    assert_eq!(data(&reply), [HOME_V4]);
    school.close().await;
}

/// The draft's section 5.2: such a client is never told of a forged answer.
#[tokio::test(flavor = "multi_thread")]
async fn safe_search_is_no_error_for_programs() {
    let upstream = Upstream::start();
    let school = open(&upstream).await;
    let reply = school.ask(&structured("www.google.fr.", 1232)).await;
    assert!(data(&reply).first().is_some_and(|first| first.contains("forcesafesearch")), "{reply:?}");
    assert_eq!(extended_error(&reply), None);
    school.close().await;
}
