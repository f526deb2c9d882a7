//! The configuration of a hub (`hub.toml`): whose it is, who is told of a school, who may read the metrics. Read as strictly as a
//! box's.

use std::io;
use std::path::Path;

use hub::alerts::{CallProof, Mail, MailTls, Mailbox, Ways, Webhook};
use hub::oidc::ProviderSettings;
use jiff::tz::TimeZone;
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use system::mirror::MirrorUrl;
use system::updates::Source;
use toml_span::{DeserError, Deserialize, Spanned, Value};

use super::certificates::{Certifier, read_certificates};
use super::files::read_file;
use super::provider::read_provider;
use super::report::{ConfigError, Problem, problems};
use super::section::Section;
use super::v1::read_ca_file;

/// The only version so far.
const VERSION: u32 = 1;
/// What pages say where nobody says whose hub it is.
const COMMUNE: &str = "La commune";
const TIMEZONE: &str = "Europe/Paris";
/// Longest name of a commune, in characters: a line on a telephone.
const COMMUNE_CHARACTERS_MAX: usize = 80;
/// Nights without its box after which a school is red.
const NIGHTS: u32 = 3;
const NIGHTS_MAX: u32 = 30;
/// Shortest token or key, in characters: 96 bits in base 64.
const SECRET_CHARACTERS_MIN: usize = 16;
/// Most people who are written to: what is more is a list of the mail server's.
const READERS_MAX: usize = 20;

/// What a hub is told.
#[derive(Debug)]
pub(crate) struct HubConfig {
    /// Whose it is.
    pub(crate) commune: String,
    /// By which clock the commune lives.
    pub(crate) timezone: TimeZone,
    /// Where its pages are.
    pub(crate) url: Option<String>,
    /// After how many nights without its box a school is red.
    pub(crate) nights: u32,
    /// The SHA-256 of the token for the metrics.
    pub(crate) metrics: Option<[u8; 32]>,
    /// Who is told of a school.
    pub(crate) ways: Ways,
    /// Where the lists come from that it serves.
    pub(crate) lists: Option<Source>,
    /// Who certifies what boxes ask for.
    pub(crate) certifier: Option<Certifier>,
    /// By whom people of the commune sign in beside their own secrets.
    pub(crate) provider: Option<ProviderSettings>,
}

impl HubConfig {
    /// Reads the file; what a hub is told without one.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake in it.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let text = match path {
            None => format!("version = {VERSION}\n"),
            Some(path) => read_file(path)
                .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?,
        };
        let path = path.unwrap_or(Path::new("hub.toml"));
        Self::parse(&text).map_err(|problems| ConfigError::Wrong { path: path.to_owned(), problems })
    }

    pub(super) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut document = toml_span::parse(text).map_err(|error| problems(text, error.into()))?;
        Self::deserialize(&mut document).map_err(|errors| problems(text, errors))
    }
}

impl<'de> Deserialize<'de> for HubConfig {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        check_version(&mut table);
        let commune = read_commune(&mut table);
        let timezone = read_timezone(&mut table);
        let url = read_url(&mut table, "url", &["https://"]);
        let metrics = table.table("metrics", |metrics| read_secret(metrics, "token_file", true));
        let metrics = metrics.and_then(|token| token.value);
        let metrics = metrics.and_then(|token| digest(&SHA256, token.as_bytes()).as_ref().try_into().ok());
        let alerts = table.table("alerts", |alerts| (read_nights(alerts), read_ways(alerts)));
        let (nights, ways) = alerts.map_or_else(|| (NIGHTS, Ways::default()), |alerts| alerts.value);
        let lists = table.table("lists", read_lists).and_then(|lists| lists.value);
        let certifier = table.table("certificates", read_certificates).and_then(|certifier| certifier.value);
        let provider = table.table("oidc", |oidc| read_provider(oidc, url.as_deref()));
        let provider = provider.and_then(|provider| provider.value);
        let config = timezone.map(|timezone| Self {
            commune,
            timezone,
            url,
            nights,
            metrics,
            ways,
            lists,
            certifier,
            provider,
        });
        table.close(config)
    }
}

fn check_version(table: &mut Section<'_>) {
    if let Some(version) = table.required_spanned::<u32>("version").filter(|it| it.value != VERSION) {
        let message = format!("`version` is {}: this program reads version {VERSION}", version.value);
        table.reject(version.span, message);
    }
}

fn read_commune(table: &mut Section<'_>) -> String {
    let Some(name) = table.optional_spanned::<String>("commune") else { return COMMUNE.to_owned() };
    let length = name.value.trim().chars().count();
    if !(1..=COMMUNE_CHARACTERS_MAX).contains(&length) || name.value.chars().any(char::is_control) {
        let message = format!("the commune's name has 1 to {COMMUNE_CHARACTERS_MAX} characters");
        table.reject(name.span, message);
    }
    name.value.trim().to_owned()
}

fn read_timezone(table: &mut Section<'_>) -> Option<TimeZone> {
    match table.optional_spanned::<String>("timezone") {
        Some(name) => table.find_timezone(&name),
        None => TimeZone::get(TIMEZONE).ok(),
    }
}

/// An address that begins with one of these.
pub(super) fn read_url(table: &mut Section<'_>, key: &'static str, begins: &[&str]) -> Option<String> {
    let url = table.optional_spanned::<String>(key)?;
    let host = begins.iter().find_map(|begin| url.value.strip_prefix(begin));
    let is_url = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
        && !url.value.chars().any(|c| c.is_whitespace() || c.is_control());
    if !is_url {
        table.reject(url.span, format!("`{key}` is an address that begins with {}", begins.join(" or ")));
    }
    Some(url.value)
}

fn read_nights(alerts: &mut Section<'_>) -> u32 {
    let Some(nights) = alerts.optional_spanned::<u32>("nights") else { return NIGHTS };
    if !(1..=NIGHTS_MAX).contains(&nights.value) {
        alerts.reject(nights.span, format!("`nights` is a number from 1 to {NIGHTS_MAX}"));
    }
    nights.value
}

fn read_ways(alerts: &mut Section<'_>) -> Ways {
    let mail = alerts.table("mail", read_mail).and_then(|mail| mail.value);
    let webhook = alerts.table("webhook", read_webhook).and_then(|webhook| webhook.value);
    Ways { mail, webhook }
}

fn read_mail(mail: &mut Section<'_>) -> Option<Mail> {
    let server = mail.required::<String>("server");
    let (tls, port) = read_mail_tls(mail)?;
    let port = mail.port("port", port);
    let from = mail.required_parse::<Mailbox>("from");
    let to = mail.optional_spanned::<Vec<Spanned<String>>>("to");
    let span = mail.span();
    if to.as_ref().is_none_or(|to| !(1..=READERS_MAX).contains(&to.value.len())) {
        mail.reject(
            to.as_ref().map_or(span, |to| to.span),
            format!("`to` lists 1 to {READERS_MAX} addresses"),
        );
    }
    let mut readers: Vec<Mailbox> = Vec::new();
    for address in to.into_iter().flat_map(|to| to.value) {
        match address.value.parse() {
            Ok(address) => readers.push(address),
            Err(_) => mail.reject(address.span, format!("`{}` is no address of mail", address.value)),
        }
    }
    let user = mail.optional_spanned::<String>("user");
    let password = read_secret(mail, "password_file", false);
    let login = match (user, password) {
        (Some(user), Some(password)) => Some((user.value, password)),
        (Some(user), None) => {
            mail.reject(user.span, "`user` stands without `password_file`");
            None
        }
        (None, Some(_)) => {
            mail.reject(span, "`password_file` stands without `user`");
            None
        }
        (None, None) => None,
    };
    if login.is_some() && tls == MailTls::None {
        mail.reject(span, "a password does not go in clear: `tls` is \"starttls\" or \"tls\"");
    }
    let authorities = read_authorities(mail);
    Some(Mail { server: server?, port: port?.number, tls, authorities, login, from: from?, to: readers })
}

/// How the server is spoken to, and at which port where the file names none.
fn read_mail_tls(mail: &mut Section<'_>) -> Option<(MailTls, u16)> {
    let Some(text) = mail.optional_spanned::<String>("tls") else { return Some((MailTls::StartTls, 587)) };
    match text.value.as_str() {
        "starttls" => Some((MailTls::StartTls, 587)),
        "tls" => Some((MailTls::Tls, 465)),
        "none" => Some((MailTls::None, 25)),
        other => {
            mail.reject(text.span, format!("`tls` is \"starttls\", \"tls\" or \"none\", not \"{other}\""));
            None
        }
    }
}

fn read_webhook(webhook: &mut Section<'_>) -> Option<Webhook> {
    let span = webhook.span();
    if !webhook.contains("url") {
        webhook.reject(span, "the key `url` is missing here");
    }
    let url = read_url(webhook, "url", &["https://", "http://"]);
    let hmac = read_secret(webhook, "hmac_file", true);
    let bearer = read_secret(webhook, "bearer_file", true);
    let proof = match (hmac, bearer) {
        (Some(key), None) => Some(CallProof::Hmac(key.into_bytes())),
        (None, Some(token)) => Some(CallProof::Bearer(token)),
        _ if webhook.has_mistakes() => None,
        _ => {
            webhook.reject(
                span,
                "a call says that it is the hub's: by `hmac_file` or by `bearer_file`, one of them",
            );
            None
        }
    };
    let authorities = read_authorities(webhook);
    let (url, proof) = (url?, proof?);
    if matches!(proof, CallProof::Bearer(_)) && url.starts_with("http://") {
        webhook.reject(
            span,
            "a token does not go in clear: `url` begins with https://, or the call is signed, by `hmac_file`",
        );
    }
    Some(Webhook { url, authorities, proof })
}

/// Who vouches for a server: the certificates in a file, in PEM.
pub(super) fn read_authorities(table: &mut Section<'_>) -> Vec<Vec<u8>> {
    let Some(path) = table.path("authority_file") else { return Vec::new() };
    let read = read_file(&path.value).map_err(|error| error.to_string()).and_then(|bytes| {
        let certificates =
            CertificateDer::pem_slice_iter(&bytes).map(|certificate| Ok(certificate?.to_vec()));
        certificates.collect::<Result<Vec<_>, pem::Error>>().map_err(|error| error.to_string())
    });
    match read {
        Ok(certificates) if !certificates.is_empty() => certificates,
        Ok(_) => {
            table.reject(path.span, format!("{} has no certificate in PEM", path.value.display()));
            Vec::new()
        }
        Err(error) => {
            table.reject(path.span, format!("{} cannot be read: {error}", path.value.display()));
            Vec::new()
        }
    }
}

/// The mirror whose lists the hub serves: the archive of all, because differences lead to nothing less.
fn read_lists(lists: &mut Section<'_>) -> Option<Source> {
    let mirror = lists.required_parse::<MirrorUrl>("mirror");
    let is_plain = mirror.as_ref().is_some_and(|mirror| !mirror.is_tls());
    let authorities = read_ca_file(lists, is_plain);
    Some(Source { mirror: mirror?, categories: Vec::new(), authorities })
}

/// The only line of a file, which is a secret: a configuration is shown around.
pub(super) fn read_secret(table: &mut Section<'_>, key: &'static str, is_drawn: bool) -> Option<String> {
    let path = table.path(key)?;
    let text = read_file(&path.value).and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other));
    let text = match text {
        Ok(text) => text.trim().to_owned(),
        Err(error) => {
            table.reject(path.span, format!("{} cannot be read: {error}", path.value.display()));
            return None;
        }
    };
    let least = if is_drawn { SECRET_CHARACTERS_MIN } else { 1 };
    if text.chars().count() < least || text.chars().any(char::is_control) {
        let message = format!("{} has one line of {least} characters at least", path.value.display());
        table.reject(path.span, message);
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        HubConfig::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_hub_needs_no_file() {
        let config = HubConfig::load(None).unwrap();
        assert_eq!((config.commune.as_str(), config.nights, config.metrics), (COMMUNE, NIGHTS, None));
        assert!(config.ways.channels().is_empty() && config.url.is_none() && config.lists.is_none());
    }

    #[test]
    fn the_example_has_nothing_that_is_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "0123456789abcdef\n").unwrap();
        let example = include_str!("../../../../docs/hub.example.toml");
        let mut text = example.to_owned();
        for name in ["smtp-password", "webhook-key", "metrics-token", "zone-key"] {
            assert!(text.contains(&format!("\"/etc/preau/{name}\"")), "{name}");
            text = text.replace(&format!("/etc/preau/{name}"), &secret.display().to_string());
        }
        let config = HubConfig::parse(&text).unwrap();
        assert_eq!((config.commune.as_str(), config.nights), ("Ville de Saint-Exemple", NIGHTS));
        assert_eq!(config.ways.channels().len(), 2);
        assert!(matches!(config.certifier, Some(Certifier::Acme(..))));
    }

    #[test]
    fn who_vouches_for_a_server_is_read_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let key = file("key", "0123456789abcdef\n");
        let hook = |authority: &str| {
            format!(
                "version = 1\n[alerts.webhook]\nurl = 'https://chat.commune.example/hook'\nhmac_file = '{key}'\nauthority_file = '{authority}'\n"
            )
        };
        let pem = pki::Authority::generate(pki::Names::new(["a.example".parse().unwrap()], [])).unwrap();
        let config = HubConfig::parse(&hook(&file("authority.pem", pem.certificate_pem()))).unwrap();
        assert_eq!(config.ways.webhook.unwrap().authorities, [pem.certificate_der()]);
        let none = mistakes(&hook(&file("none.pem", "nothing")));
        assert!(none.len() == 1 && none[0].contains("has no certificate"), "{none:?}");
        let gone = mistakes(&hook("/nowhere/authority.pem"));
        assert!(gone.len() == 1 && gone[0].contains("cannot be read"), "{gone:?}");
    }

    #[test]
    fn a_whole_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (token, password) = (file("token", "0123456789abcdef\n"), file("password", "secret\n"));
        let text = format!(
            "version = 1\ncommune = 'Saint-Exemple'\ntimezone = 'Indian/Reunion'\nurl = 'https://hub.commune.example:8443'\n\
             [metrics]\ntoken_file = '{token}'\n\
             [alerts]\nnights = 2\n\
             [alerts.mail]\nserver = 'smtp.commune.example'\nuser = 'preau'\npassword_file = '{password}'\n\
             from = 'Préau <preau@commune.example>'\nto = ['si@commune.example']\n\
             [alerts.webhook]\nurl = 'https://chat.commune.example/hook'\nhmac_file = '{token}'\n"
        );
        let config = HubConfig::parse(&text).unwrap();
        assert_eq!((config.commune.as_str(), config.nights), ("Saint-Exemple", 2));
        assert_eq!(config.metrics.unwrap(), digest(&SHA256, b"0123456789abcdef").as_ref());
        let mail = config.ways.mail.unwrap();
        assert_eq!((mail.port, mail.tls), (587, MailTls::StartTls));
        assert_eq!(mail.login, Some(("preau".to_owned(), "secret".to_owned())));
        assert!(
            matches!(config.ways.webhook.unwrap().proof, CallProof::Hmac(key) if key == b"0123456789abcdef")
        );
    }

    #[test]
    fn a_mirror_of_lists_is_named() {
        let of = |lists: &str| HubConfig::parse(&format!("version = 1\n[lists]\n{lists}"));
        let source = of("mirror = 'https://mirror.example/lists'").unwrap().lists.unwrap();
        assert_eq!(
            (source.mirror.to_string().as_str(), source.categories.len()),
            ("https://mirror.example/lists/", 0)
        );
        for (lists, words) in [
            ("", "`mirror` is missing"),
            ("mirror = 'ftp://a.example/'", "not the address of a folder"),
            ("mirror = 'https://a.example/'\ncategories = ['adult']", "unknown key `categories`"),
        ] {
            let told = of(lists).unwrap_err().iter().map(ToString::to_string).collect::<String>();
            assert!(told.contains(words), "{told}");
        }
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let short = folder.path().join("short");
        fs::write(&short, "short").unwrap();
        let text = format!(
            "version = 2\ncommune = ''\ntimezone = 'Paris'\nurl = 'http://hub'\nnight = 3\n\
             [metrics]\ntoken_file = '{}'\n\
             [alerts]\nnights = 0\n\
             [alerts.mail]\nserver = 'smtp'\ntls = 'ssl'\n\
             [alerts.webhook]\nurl = 'chat'\n",
            short.display()
        );
        let told = mistakes(&text);
        for (line, words) in [
            (1, "reads version 1"),
            (2, "1 to 80 characters"),
            (3, "`Paris` is no time zone"),
            (4, "begins with https://"),
            (5, "unknown key `night`"),
            (7, "16 characters at least"),
            (9, "from 1 to 30"),
            (12, "\"starttls\", \"tls\" or \"none\""),
            (14, "https:// or http://"),
        ] {
            let begin = format!("{line}:");
            assert!(told.iter().any(|it| it.starts_with(&begin) && it.contains(words)), "{words}: {told:#?}");
        }
        let text = "version = 1\n[alerts.mail]\nserver = 'smtp'\nfrom = 'a@b.example'\nto = ['nobody']\nuser = 'a'\n";
        let told = mistakes(text).join("\n");
        assert!(
            told.contains("`nobody` is no address") && told.contains("without `password_file`"),
            "{told}"
        );
        let told = mistakes("version = 1\n[alerts.webhook]\nurl = 'https://a.example/'\n").join("\n");
        assert!(told.contains("by `hmac_file` or by `bearer_file`"), "{told}");

        let token = folder.path().join("token");
        fs::write(&token, "0123456789abcdef").unwrap();
        let call = |url: &str, key: &str| {
            let file = token.display();
            HubConfig::parse(&format!("version = 1\n[alerts.webhook]\nurl = '{url}'\n{key} = '{file}'\n"))
        };
        let told = call("http://a.example/", "bearer_file").unwrap_err();
        assert!(told[0].to_string().contains("a token does not go in clear"), "{told:?}");
        assert!(
            call("http://a.example/", "hmac_file").is_ok()
                && call("https://a.example/", "bearer_file").is_ok()
        );
    }
}
