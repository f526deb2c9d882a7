//! Letters and calls by TLS, before servers of the test's own with an authority of their own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use model::ClockQuality;
use pki::{Authority, Identity, Names};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::tests::{NOW, alert};
use super::*;

const NAME: &str = "localhost";

/// An authority, and what a server of its own at this machine shows.
fn make_server() -> (Vec<u8>, Arc<ServerConfig>) {
    fn now() -> (Timestamp, ClockQuality) {
        // The client looks at the machine's clock.
        let ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        (Timestamp::from_unix_ms(i64::try_from(ms).unwrap()), ClockQuality::Synchronised)
    }
    let names = Names::new([NAME.parse().unwrap()], []);
    let authority = Authority::generate(names.clone()).unwrap();
    let der = authority.certificate_der();
    let identity = Arc::new(Identity::new(authority, names, now));
    (der, Arc::new(identity.server_config(&[]).unwrap()))
}

fn read_line(stream: &mut impl Read) -> Option<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while line.last() != Some(&b'\n') {
        stream.read_exact(&mut byte).ok()?;
        line.push(byte[0]);
    }
    String::from_utf8(line).ok()
}

/// What a server says that it can, with TLS among it and without.
const WITH_TLS: &str = "250-mail\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n";
const WITHOUT_TLS: &str = "250-mail\r\n250 AUTH PLAIN\r\n";

/// As much of SMTP as a letter needs; whether the client wants to go on by TLS.
fn converse(stream: &mut (impl Read + Write), said: &mut String, offer: &str) -> bool {
    let mut is_data = false;
    while let Some(line) = read_line(stream) {
        said.push_str(&line);
        let answer = match (is_data, line.trim_end()) {
            (true, ".") => "250 taken\r\n",
            (true, _) => continue,
            (false, "DATA") => "354 go on\r\n",
            (false, "QUIT") => "221 bye\r\n",
            (false, "STARTTLS") => "220 go on\r\n",
            (false, words) if words.starts_with("EHLO") => offer,
            (false, words) if words.starts_with("AUTH") => "235 welcome\r\n",
            (false, _) => "250 well\r\n",
        };
        is_data = answer.starts_with("354");
        if stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).is_err() {
            return false;
        }
        if line.trim_end() == "STARTTLS" {
            return true;
        }
    }
    false
}

/// A server for one connection; what was said to it in clear, and by TLS.
fn serve(tls: Arc<ServerConfig>, kind: MailTls) -> (u16, JoinHandle<(String, String)>) {
    let listener = TcpListener::bind((NAME, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut clear, mut hidden) = (String::new(), String::new());
        if kind == MailTls::StartTls {
            stream.write_all(b"220 mail\r\n").unwrap();
            if !converse(&mut stream, &mut clear, WITH_TLS) {
                return (clear, hidden);
            }
        }
        let mut stream = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
        let is_greeted = kind == MailTls::StartTls || stream.write_all(b"220 mail\r\n").is_ok();
        if is_greeted {
            converse(&mut stream, &mut hidden, WITH_TLS);
        }
        (clear, hidden)
    });
    (port, thread)
}

/// The same of one that hides that there is TLS; what was said to it.
fn serve_clear() -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind((NAME, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut clear = String::new();
        stream.write_all(b"220 mail\r\n").unwrap();
        converse(&mut stream, &mut clear, WITHOUT_TLS);
        clear
    });
    (port, thread)
}

fn mail(port: u16, tls: MailTls, authorities: Vec<Vec<u8>>) -> Ways {
    let mail = Mail {
        server: NAME.to_owned(),
        port,
        tls,
        authorities,
        login: Some(("preau".to_owned(), "secret".to_owned())),
        from: "preau@commune.example".parse().unwrap(),
        to: vec!["si@commune.example".parse().unwrap()],
    };
    Ways { mail: Some(mail), webhook: None }
}

#[test]
fn a_letter_and_its_password_go_by_tls_alone() {
    let (authority, tls) = make_server();
    for kind in [MailTls::StartTls, MailTls::Tls] {
        let (port, served) = serve(Arc::clone(&tls), kind);
        let ways = mail(port, kind, vec![authority.clone()]);
        ways.send(&alert(Channel::Mail), NOW).unwrap();
        drop(ways);
        let (clear, hidden) = served.join().unwrap();
        assert!(!clear.contains("AUTH") && !clear.contains("MAIL"), "{clear}");
        for words in ["AUTH PLAIN", "MAIL FROM:<preau@commune.example>", "{\"level\":\"red\","] {
            assert!(hidden.contains(words), "{kind:?} {words}: {hidden}");
        }
    }
}

#[test]
fn a_server_that_nobody_vouches_for_hears_no_password() {
    let ((_, tls), (other, _)) = (make_server(), make_server());
    for (kind, authorities) in
        [(MailTls::StartTls, vec![]), (MailTls::StartTls, vec![other.clone()]), (MailTls::Tls, vec![other])]
    {
        let (port, served) = serve(Arc::clone(&tls), kind);
        let sent = mail(port, kind, authorities).send(&alert(Channel::Mail), NOW);
        assert!(matches!(sent, Err(SendError::Mail(_))), "{sent:?}");
        let (clear, hidden) = served.join().unwrap();
        assert!(!clear.contains("AUTH") && hidden.is_empty(), "{clear} {hidden}");
    }
    // Somebody between who hides that there is TLS.
    let (port, served) = serve_clear();
    let sent = mail(port, MailTls::StartTls, vec![]).send(&alert(Channel::Mail), NOW);
    assert!(matches!(sent, Err(SendError::Mail(_))), "{sent:?}");
    let clear = served.join().unwrap();
    assert!(clear.starts_with("EHLO"), "{clear}");
    assert!(!clear.contains("AUTH") && !clear.contains("MAIL"), "{clear}");
}

#[test]
fn a_call_goes_by_tls_to_whom_the_authority_vouches_for() {
    let ((authority, tls), (other, _)) = (make_server(), make_server());
    let call = |authorities: Vec<Vec<u8>>| {
        let listener = TcpListener::bind((NAME, 0)).unwrap();
        let url = format!("https://{NAME}:{}/alert", listener.local_addr().unwrap().port());
        let tls = Arc::clone(&tls);
        let served = thread::spawn(move || {
            let stream = listener.accept().unwrap().0;
            let mut stream = StreamOwned::new(ServerConnection::new(tls).unwrap(), stream);
            let mut said = String::new();
            while let Some(line) = read_line(&mut stream) {
                said.push_str(&line);
                if line == "\r\n" {
                    let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
                    drop(stream.write_all(answer).and_then(|()| stream.flush()));
                    break;
                }
            }
            said
        });
        let proof = CallProof::Bearer("a-token".to_owned());
        let webhook = Some(Webhook { url, authorities, proof });
        let sent = Ways { mail: None, webhook }.send(&alert(Channel::Webhook), NOW);
        (sent, served.join().unwrap())
    };
    let (sent, said) = call(vec![authority]);
    sent.unwrap();
    assert!(said.to_lowercase().contains("authorization: bearer a-token"), "{said}");
    for authorities in [vec![], vec![other]] {
        let (sent, said) = call(authorities);
        assert!(matches!(sent, Err(SendError::Call(_))) && said.is_empty(), "{sent:?} {said}");
    }
}
