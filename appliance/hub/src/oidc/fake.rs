//! A provider of a test's own, on this machine.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::{ClientSecret, DISCOVERY, ProviderSettings};
use crate::fixture::read_request;

/// Where it takes codes.
pub(crate) const TOKEN_PATH: &str = "/token";
const KEYS_PATH: &str = "/keys";
/// When its tokens are made, in seconds since 1970.
const NOW_S: i64 = 1_795_392_000;

/// A provider's key, and its name.
pub(crate) struct Signer {
    pair: EcdsaKeyPair,
    kid: &'static str,
}

impl Signer {
    pub(crate) fn draw(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self { pair: EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap(), kid }
    }

    pub(crate) fn key(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|number| URL_SAFE_NO_PAD.encode(number));
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid, "x": x, "y": y })
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let seal = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(seal))
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": "ES256", "kid": self.kid }), claims)
    }
}

/// A provider that says what it is told to.
pub(crate) struct Fake {
    url: String,
    talk: Arc<Mutex<Talk>>,
}

/// What it says, by paths, and what was said to it.
#[derive(Default)]
struct Talk {
    answers: BTreeMap<String, (u16, String)>,
    asked: Vec<String>,
}

impl Fake {
    /// One that has this key.
    pub(crate) fn start(key: &Signer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { url, talk: Arc::default() };
        fake.say(DISCOVERY, 200, &fake.metadata());
        fake.change_key(key);
        let talk = Arc::clone(&fake.talk);
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &talk);
            }
        });
        fake
    }

    /// What a hub is told of it.
    pub(crate) fn settings(&self) -> ProviderSettings {
        ProviderSettings {
            issuer: self.url.clone(),
            client_id: "preau-hub".to_owned(),
            client_secret: Some(ClientSecret("a secret/".to_owned())),
            claim: "email".to_owned(),
            second_factor: vec!["mfa".to_owned()],
            authorities: Vec::new(),
            redirect: "https://hub.commune.example/connexion/retour".to_owned(),
        }
    }

    /// What it says of itself.
    pub(crate) fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.url);
        json!({
            "issuer": self.url, "authorization_endpoint": at("/authorize"), "token_endpoint": at(TOKEN_PATH), "jwks_uri": at(KEYS_PATH),
        })
    }

    pub(crate) fn say(&self, path: &str, status: u16, text: &Value) {
        self.talk.lock().unwrap().answers.insert(path.to_owned(), (status, text.to_string()));
    }

    /// It has this key from now on, and no other.
    pub(crate) fn change_key(&self, key: &Signer) {
        self.say(KEYS_PATH, 200, &json!({ "keys": [key.key()] }));
    }

    /// Signs, for whoever shows a code, for the browser that was led to this address.
    pub(crate) fn vouch(&self, key: &Signer, address: &str) {
        let claims = json!({
            "iss": self.url, "aud": "preau-hub", "sub": "248289761001", "nonce": query_of(address, "nonce"), "iat": NOW_S, "exp": NOW_S + 300,
            "email": "Petit@commune.example", "amr": ["pwd", "mfa"],
        });
        self.say(TOKEN_PATH, 200, &json!({ "id_token": key.token(&claims) }));
    }

    /// All requests, as they came.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.talk.lock().unwrap().asked.clone()
    }
}

/// A value of an address's query.
pub(crate) fn query_of(address: &str, name: &str) -> String {
    let (_, query) = address.split_once('?').unwrap();
    let (_, value) = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).unwrap();
    value.into_owned()
}

fn answer(mut stream: TcpStream, talk: &Mutex<Talk>) {
    let (head, body) = read_request(&stream);
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, text) = {
        let mut talk = talk.lock().unwrap();
        talk.asked.push(format!("{head}{body}"));
        talk.answers.get(&path).cloned().unwrap_or((404, String::new()))
    };
    let length = text.len();
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(format!("{head}{text}").as_bytes()).unwrap();
}
