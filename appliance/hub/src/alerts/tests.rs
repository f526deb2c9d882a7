use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use super::*;
use crate::fixture::read_request;
use crate::register::sqlite::SqliteRegister;

pub(super) const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);

pub(super) fn alert(channel: Channel) -> NewAlert {
    NewAlert {
        channel,
        uai: "0750655E".to_owned(),
        subject: "École : rouge".to_owned(),
        body: "{\"level\":\"red\",\"text\":\"boîtier\"}".to_owned(),
    }
}

/// A server for one connection; what was said to it.
fn serve(answer: fn(TcpStream) -> String) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, thread::spawn(move || answer(listener.accept().unwrap().0)))
}

fn answer_call(mut stream: TcpStream, status: &str) -> String {
    let (head, body) = read_request(&stream);
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    format!("{head}{body}")
}

/// As much of SMTP (RFC 5321) as a letter needs.
fn answer_mail(mut stream: TcpStream) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut said, mut is_data) = (String::new(), false);
    stream.write_all(b"220 mail\r\n").unwrap();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 {
            return said;
        }
        said.push_str(&line);
        let answer = match (is_data, line.trim_end()) {
            (true, ".") => {
                is_data = false;
                "250 taken\r\n"
            }
            (true, _) => continue,
            (false, "DATA") => {
                is_data = true;
                "354 go on\r\n"
            }
            (false, "QUIT") => "221 bye\r\n",
            (false, _) => "250 well\r\n",
        };
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

fn webhook(port: u16, proof: CallProof) -> Ways {
    Ways {
        webhook: Some(Webhook { url: format!("http://127.0.0.1:{port}/alert"), authorities: vec![], proof }),
        mail: None,
    }
}

#[test]
fn a_call_can_be_told_from_a_false_one() {
    let (port, served) = serve(|stream| answer_call(stream, "204 No Content"));
    let ways = webhook(port, CallProof::Hmac(b"key".to_vec()));
    ways.send(&alert(Channel::Webhook), NOW).unwrap();
    let said = served.join().unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, alert(Channel::Webhook).body);
    let head = head.to_lowercase();
    let expected = sign(b"key", "1795392000000", body);
    assert!(head.contains(&format!("preau-signature: {expected}")), "{head}");
    assert!(
        head.contains("preau-time: 1795392000000") && head.contains("content-type: application/json"),
        "{head}"
    );
    assert_ne!(sign(b"Jefe", "1", "2"), sign(b"Jefe", "1", "3"));

    let (port, served) = serve(|stream| answer_call(stream, "200 OK"));
    webhook(port, CallProof::Bearer("token".to_owned())).send(&alert(Channel::Webhook), NOW).unwrap();
    assert!(served.join().unwrap().to_lowercase().contains("authorization: bearer token"));
}

#[test]
fn a_letter_arrives_as_it_was_written() {
    let (port, served) = serve(answer_mail);
    let mail = Mail {
        server: "127.0.0.1".to_owned(),
        port,
        tls: MailTls::None,
        authorities: vec![],
        login: None,
        from: "Préau <preau@commune.example>".parse().unwrap(),
        to: vec!["si@commune.example".parse().unwrap(), "dgs@commune.example".parse().unwrap()],
    };
    let ways = Ways { mail: Some(mail), webhook: None };
    ways.send(&alert(Channel::Mail), NOW).unwrap();
    drop(ways);
    let said = served.join().unwrap();
    for words in
        ["MAIL FROM:<preau@commune.example>", "RCPT TO:<si@commune.example>", "RCPT TO:<dgs@commune.example>"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains("{\"level\":\"red\",") && said.contains("Subject: "), "{said}");
    for words in ["MIME-Version: 1.0", "charset=utf-8", "bo=C3=AEtier"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn whoever_leads_elsewhere_has_not_taken_it() {
    let (port, served) = serve(|stream| answer_call(stream, "302 Found\r\nLocation: http://127.0.0.1:1/"));
    let sent = webhook(port, CallProof::Bearer("token".to_owned())).send(&alert(Channel::Webhook), NOW);
    served.join().unwrap();
    assert!(matches!(sent, Err(SendError::Status(302))), "{sent:?}");
}

/// A port where nobody answers, which stays ours: whatever connects is let go.
fn refuse() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
}

#[test]
fn what_is_not_taken_is_tried_again_and_given_up_at_last() {
    static CLOCK: Mutex<i64> = Mutex::new(0);
    fn clock() -> Timestamp {
        Timestamp::from_unix_ms(NOW.unix_ms() + *CLOCK.lock().unwrap())
    }
    let folder = tempfile::tempdir().unwrap();
    let register = SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap();
    register.add_alert(&alert(Channel::Webhook), clock()).unwrap();
    register.add_alert(&alert(Channel::Mail), clock()).unwrap();
    let ways = webhook(refuse(), CallProof::Bearer("token".to_owned()));
    assert_eq!(ways.send_due(&register, clock).unwrap(), 0);
    assert_eq!(ways.send_due(&register, clock).unwrap(), 0, "not again at once");
    assert_eq!(register.alerts(9).unwrap()[1].tries, 1);
    *CLOCK.lock().unwrap() += PAUSE_FIRST_MS;
    // Whoever answers with an error has not taken it.
    let (port, served) = serve(|stream| answer_call(stream, "500 Internal Server Error"));
    assert_eq!(webhook(port, CallProof::Bearer(String::new())).send_due(&register, clock).unwrap(), 0);
    served.join().unwrap();
    assert_eq!(register.alerts(9).unwrap()[1].tries, 2);
    for _ in 2..TRIES_MAX {
        *CLOCK.lock().unwrap() += PAUSE_MAX_MS;
        assert_eq!(ways.send_due(&register, clock).unwrap(), 0);
    }
    let alerts = register.alerts(9).unwrap();
    assert_eq!((alerts[1].tries, alerts[1].is_sent), (TRIES_MAX, false), "{alerts:?}");
    assert!(alerts[1].ended.is_some());
    assert_eq!((alerts[0].tries, alerts[0].ended), (0, None), "it waits for a hub that writes letters");
    *CLOCK.lock().unwrap() += PAUSE_MAX_MS;
    assert_eq!(ways.send_due(&register, clock).unwrap(), 0, "it is over");
}

#[test]
fn pauses_grow_to_a_limit() {
    assert_eq!(
        [1, 2, 3, 9, 10, u32::MAX].map(pause_ms),
        [60_000, 120_000, 240_000, 15_360_000, PAUSE_MAX_MS, PAUSE_MAX_MS]
    );
    let all: i64 = (1..TRIES_MAX).map(pause_ms).sum();
    assert!((2 * 86_400_000..4 * 86_400_000).contains(&all), "some three days: {all}");
}
