//! A workspace's server that answers by a function of what it is asked.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, server};

use super::street::{Street, Vouched};

/// What it is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Question {
    pub(super) method: String,
    pub(super) uri: String,
    fields: Vec<(String, String)>,
}

impl Question {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Who asks: what is before the dash in the session's cookie.
    pub(super) fn account(&self) -> Option<&str> {
        let cookies = self.field("cookie")?;
        let session = cookies.split(';').find_map(|pair| pair.trim().strip_prefix("oneSessionId="))?;
        session.split('-').next()
    }
}

/// Answers of the server.
pub(super) trait Answers: Fn(&Question) -> Vec<u8> + Send + Sync + 'static {}

impl<F: Fn(&Question) -> Vec<u8> + Send + Sync + 'static> Answers for F {}

/// Has the server of a street answer, until the handle is aborted: then its connections are cut, and new ones are taken
/// and never answered.
pub(super) fn open(street: &Arc<Street>, answers: impl Answers) -> JoinHandle<()> {
    let (street, answers) = (Arc::clone(street), Arc::new(answers));
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(street.public.tls(&[b"http/1.1"]));
        let mut conversations = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = street.site.accept().await {
            let (acceptor, answers) = (acceptor.clone(), Arc::clone(&answers));
            conversations.spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    converse(stream, &*answers).await;
                }
            });
        }
    })
}

/// Has somebody whom nobody vouches for take the connections to the server of a street.
pub(super) fn impersonate(street: &Arc<Street>) -> JoinHandle<()> {
    let street = Arc::clone(street);
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Vouched::new(&["ent.test"]).tls(&[b"http/1.1"]));
        while let Ok((stream, _)) = street.site.accept().await {
            drop(acceptor.accept(stream).await);
        }
    })
}

async fn converse(mut stream: server::TlsStream<TcpStream>, answers: &impl Answers) {
    while let Some(question) = hear(&mut stream).await {
        if stream.write_all(&answers(&question)).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

async fn hear(stream: &mut server::TlsStream<TcpStream>) -> Option<Question> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, uri) = (words.next()?.to_owned(), words.next()?.to_owned());
    let fields = lines.filter_map(|line| line.split_once(": "));
    let fields = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let question = Question { method, uri, fields };
    let length = question.field("content-length").map_or(0, |length| length.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    Some(question)
}

/// An answer with a body, or without one to HEAD.
pub(super) fn reply(question: &Question, status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n");
    let body = if question.method == "HEAD" { &[] } else { body };
    [head.as_bytes(), body].concat()
}

/// An answer that says that nothing has changed.
pub(super) fn unchanged(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n").into_bytes()
}
