//! Clients that do not keep the rules.

use std::time::Duration;

use hickory_proto::op::{MessageType, ResponseCode};
use hickory_proto::rr::RecordType;
use resolver::{Settings, Statistics};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::school::{
    HOME_V4, REGISTERED, School, address_of, data, exchange_bytes, extended_error, question, receive_tcp,
    send_tcp, settings, with_edns, within,
};
use super::upstream::{Mood, Upstream};

#[tokio::test(flavor = "multi_thread")]
async fn malformed_packets_get_a_code_or_nothing() {
    use ResponseCode::{FormErr, NotImp, Refused};
    let school = School::open(&[]).await;
    let good = question("preau.lan.", RecordType::A).to_vec().unwrap();
    let changed = |changes: &[(usize, u8)]| {
        let mut packet = good.clone();
        changes.iter().for_each(|&(at, byte)| packet[at] = byte);
        packet
    };
    let chaos = good.len() - 1;
    for (what, packet, expected) in [
        ("cut off", good[..good.len() - 1].to_vec(), FormErr),
        ("a status query", changed(&[(2, 0x10)]), NotImp),
        ("an update", changed(&[(2, 0x28)]), NotImp),
        ("two questions", changed(&[(5, 2)]), FormErr),
        ("no question", changed(&[(5, 0)]), FormErr),
        ("an answer in a question", changed(&[(7, 1)]), FormErr),
        ("a pointer to itself", changed(&[(12, 0xc0), (13, 12)]), FormErr),
        ("more than said", [&good[..], b"x"].concat(), FormErr),
        ("class CHAOS", changed(&[(chaos, 3)]), Refused),
    ] {
        let reply = exchange_bytes(school.udp[0], &packet).await.unwrap();
        assert_eq!(reply[3] & 0x0f, u8::try_from(u16::from(expected)).unwrap(), "{what}");
        assert_eq!(reply[..2], packet[..2], "{what}");
    }
    let mut future = with_edns(question("preau.lan.", RecordType::A), 1232);
    future.edns.as_mut().unwrap().set_version(1);
    let reply = school.ask(&future).await;
    assert_eq!(u16::from(reply.metadata.response_code), 16);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_survived_and_answers_are_not_answered() {
    let school = School::open(&[]).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for n in 0..10_000_usize {
        let bytes: Vec<u8> = (0..n % 600)
            .map(|_| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random.to_le_bytes()[0]
            })
            .collect();
        client.send_to(&bytes, school.udp[0]).await.unwrap();
    }
    drop(client);
    let mut answer = question("preau.lan.", RecordType::A).to_vec().unwrap();
    answer[2] |= 0x80;
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    silent.send_to(&answer, school.udp[0]).await.unwrap();
    silent.send_to(&answer[..11], school.udp[0]).await.unwrap();
    assert_eq!(data(&school.ask(&question("preau.lan.", RecordType::A)).await), [HOME_V4]);
    assert_eq!(silent.try_recv(&mut [0; 512]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_floods_takes_its_own_share_only() {
    let upstream = Upstream::start();
    upstream.set_mood(Mood::Silent);
    let school = School::open(&[upstream.address]).await;
    let flooder = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 0..400 {
        let packet = question(&format!("n{n}.example.fr."), RecordType::A).to_vec().unwrap();
        flooder.send_to(&packet, school.udp[0]).await.unwrap();
    }
    school.wait_until("the flood is cut", || school.resolver.statistics().dropped > 0).await;
    upstream.set_mood(Mood::Well);
    let pupil = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let packet = question("site.example.fr.", RecordType::A).to_vec().unwrap();
    pupil.send_to(&packet, school.udp[0]).await.unwrap();
    let mut reply = [0; 512];
    let length = within(pupil.recv(&mut reply)).await.unwrap();
    assert_eq!(data(&hickory_proto::op::Message::from_vec(&reply[..length]).unwrap()), ["192.0.2.10"]);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_too_many_questions_under_way_the_box_says_so() {
    let upstream = Upstream::start();
    upstream.set_mood(Mood::Silent);
    let school = School::open(&[upstream.address]).await;
    for client in 1..=REGISTERED {
        let flooder = UdpSocket::bind(address_of(client)).await.unwrap();
        for n in 0..100 {
            let name = format!("n{n}.client{client}.example.fr.");
            let packet = question(&name, RecordType::A).to_vec().unwrap();
            flooder.send_to(&packet, school.udp[0]).await.unwrap();
        }
        // The box has 512 under way at most.
        let expected = (u64::from(client) * 100).min(512);
        school.wait_until("all are asked", || school.resolver.statistics().forwarded >= expected).await;
    }
    let reply = school.ask(&with_edns(question("site.example.fr.", RecordType::A), 1232)).await;
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    let (code, text) = extended_error(&reply).unwrap();
    assert!(code == 14 && text.contains("trop de questions"), "{code} {text}");
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_replies_count_as_answers() {
    let school = School::open(&[]).await;
    let mut answer = question("preau.lan.", RecordType::A);
    answer.metadata.message_type = MessageType::Response;
    let mut stream = school.connect().await;
    send_tcp(&mut stream, &question("preau.lan.", RecordType::A)).await;
    assert_eq!(data(&receive_tcp(&mut stream).await), [HOME_V4]);
    send_tcp(&mut stream, &answer).await;
    assert!(within(stream.read_u8()).await.is_err(), "an answer gets no answer");
    school.wait_for(Statistics { answered: 1, local: 1, malformed: 1, ..Statistics::default() }).await;
    school.close().await;
}

/// Whether a question gets a reply on this connection.
async fn is_served(stream: &mut TcpStream) -> bool {
    let asked = question("preau.lan.", RecordType::A).to_vec().unwrap();
    let frame = [&u16::try_from(asked.len()).unwrap().to_be_bytes()[..], &asked].concat();
    if stream.write_all(&frame).await.is_err() {
        return false;
    }
    let Ok(length) = within(stream.read_u16()).await else { return false };
    within(stream.read_exact(&mut vec![0; length.into()])).await.is_ok()
}

/// However many hardware addresses somebody makes up, they have one share.
#[tokio::test(flavor = "multi_thread")]
async fn made_up_devices_close_the_door_to_nobody() {
    let school = School::open(&[]).await;
    let mut registered = school.connect_from(1).await;
    assert!(is_served(&mut registered).await);
    let mut open = Vec::new();
    for device in 11..=69 {
        for _ in 0..10 {
            open.push(school.connect_from(device).await);
        }
    }
    school.wait_until("most are given up", || school.resolver.statistics().dropped >= 590 - 128).await;
    assert!(is_served(&mut registered).await, "a registered device has kept its connection");
    assert!(is_served(&mut school.connect_from(1).await).await, "and gets another");
    assert!(is_served(&mut school.connect_from(70).await).await, "and so does one more that is unknown");
    drop(open);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_and_broken_ones_closed() {
    let school = School::open(&[]).await;
    let mut open = Vec::new();
    for _ in 0..88 {
        open.push(school.connect_from(1).await);
    }
    school.wait_until("some are given up", || school.resolver.statistics().dropped >= 24).await;
    let mut served = Vec::new();
    for stream in &mut open {
        served.push(is_served(stream).await);
    }
    // Those that came first have waited for the longest time.
    assert_eq!(served, [[false; 24].as_slice(), &[true; 64]].concat());
    drop(open);

    let wait = async {
        loop {
            let mut stream = school.connect().await;
            send_tcp(&mut stream, &question("preau.lan.", RecordType::A)).await;
            if stream.read_u16().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(wait).await;
    for broken in [&b"\xff\xff"[..], b"\0\0", b"\0\x05abcde"] {
        let mut stream = school.connect().await;
        stream.write_all(broken).await.unwrap();
        let mut rest = Vec::new();
        let _reset_or_end = within(stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty());
    }
    let mut stream = school.connect().await;
    send_tcp(&mut stream, &question("preau.lan.", RecordType::A)).await;
    assert_eq!(data(&receive_tcp(&mut stream).await), [HOME_V4]);
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_asks_too_much_gets_no_more_answers() {
    let school = School::open_with(Settings { questions_per_second: 10, ..settings() }).await;
    let packet = question("preau.lan.", RecordType::A).to_vec().unwrap();
    let flooder = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    for _ in 0..200 {
        flooder.send_to(&packet, school.udp[0]).await.unwrap();
    }
    let count = |statistics: Statistics| statistics.answered + statistics.limited;
    school.wait_until("all are counted", || count(school.resolver.statistics()) == 200).await;
    let Statistics { answered, limited, .. } = school.resolver.statistics();
    assert!((100..200).contains(&answered) && limited > 0, "{answered} answers, {limited} beyond the limit");

    assert!(exchange_bytes(school.udp[0], &packet).await.is_some(), "others are answered as ever");
    let mut stream = school.connect().await;
    let mut answers = 0;
    while answers < 200 {
        send_tcp(&mut stream, &question("preau.lan.", RecordType::A)).await;
        if within(stream.peek(&mut [0; 1])).await.is_ok_and(|length| length > 0) {
            receive_tcp(&mut stream).await;
            answers += 1;
        } else {
            break;
        }
    }
    assert!((99..200).contains(&answers), "{answers}");
    let mut rest = Vec::new();
    let _reset_or_end = within(stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
    school.close().await;
}

/// However many hardware addresses somebody makes up, the questions of all of them are those of a few devices: each is a record,
/// and the disk has an end.
#[tokio::test(flavor = "multi_thread")]
async fn made_up_devices_ask_as_much_as_a_few() {
    let school = School::open_with(Settings { questions_per_second: 10, ..settings() }).await;
    let packet = question("preau.lan.", RecordType::A).to_vec().unwrap();
    let count = |statistics: Statistics| statistics.answered + statistics.limited;
    let devices: Vec<u8> = (11..=110).collect();
    let mut sent = 0;
    // The kernel holds some hundred packets of those that come faster than a busy machine takes them.
    for few in devices.chunks(10) {
        for device in few {
            let socket = UdpSocket::bind(address_of(*device)).await.unwrap();
            for _ in 0..10 {
                socket.send_to(&packet, school.udp[0]).await.unwrap();
            }
        }
        sent += 100;
        school.wait_until("all are counted", || count(school.resolver.statistics()) == sent).await;
    }
    let Statistics { answered, .. } = school.resolver.statistics();
    assert!((400..1_000).contains(&answered), "{answered} answers");

    let registered = UdpSocket::bind(address_of(1)).await.unwrap();
    registered.send_to(&packet, school.udp[0]).await.unwrap();
    assert!(within(registered.recv(&mut [0; 512])).await.is_ok(), "a registered device is answered as ever");
    school.close().await;
}
