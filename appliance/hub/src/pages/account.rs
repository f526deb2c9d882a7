//! The pages by which somebody shows who she is: sign-in, a secret of her own, her telephone, her codes on paper; and the page that says
//! why something was not done.

use askama::Template;
use people::{CodeKey, PaperCode};
use portal::shared::KeyPicture;

use super::bar::Bar;
use super::frame::{Frame, Place, render};
use crate::office::Trouble;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    frame: Frame<'a>,
    token: &'a str,
    typed: &'a str,
    password: String,
    has_provider: bool,
    trouble: Option<String>,
}

/// Asks for name, secret and code; where the commune has a provider, leads there as well.
pub(crate) fn sign_in(
    place: Place<'_>,
    token: &str,
    typed: &str,
    has_provider: bool,
    trouble: Option<Trouble>,
) -> String {
    let trouble = trouble.map(|trouble| say_trouble(place, trouble));
    let password = place.say("signin-secret");
    render(&SignIn { frame: Frame::new(place, None), token, typed, password, has_provider, trouble })
}

#[derive(Template)]
#[template(path = "arrived.html")]
struct Arrived<'a> {
    frame: Frame<'a>,
}

/// What somebody sees who comes back from the provider. She goes on by a link of this page: a browser shows the cookie of a session to pages of
/// the hub alone, and she comes from another.
pub(crate) fn arrived(place: Place<'_>) -> String {
    render(&Arrived { frame: Frame::new(place, None) })
}

#[derive(Template)]
#[template(path = "code_asked.html")]
struct CodeAsked<'a> {
    frame: Frame<'a>,
    trouble: Option<String>,
}

/// Asks for the telephone's code alone.
pub(crate) fn ask_code(place: Place<'_>, bar: Bar, trouble: Option<Trouble>) -> String {
    let trouble = trouble.map(|trouble| say_trouble(place, trouble));
    render(&CodeAsked { frame: Frame::new(place, Some(bar)), trouble })
}

#[derive(Template)]
#[template(path = "secret.html")]
struct SecretView<'a> {
    frame: Frame<'a>,
    name: String,
    is_first: bool,
    trouble: Option<String>,
}

/// Asks for a secret of her own.
pub(crate) fn secret(place: Place<'_>, bar: Bar, is_first: bool, trouble: Option<Trouble>) -> String {
    let trouble = trouble.map(|trouble| say_trouble(place, trouble));
    render(&SecretView { name: bar.name.clone(), frame: Frame::new(place, Some(bar)), is_first, trouble })
}

#[derive(Template)]
#[template(path = "phone.html")]
struct Phone<'a> {
    frame: Frame<'a>,
    key: KeyPicture,
    trouble: Option<String>,
}

/// Shows a key to her telephone, and asks for its code.
pub(crate) fn phone(place: Place<'_>, bar: Bar, key: &CodeKey, trouble: Option<Trouble>) -> String {
    let address = key.address(&format!("Préau {}", place.commune), &bar.name);
    render(&Phone {
        key: KeyPicture::new(&key.reveal(), &address),
        trouble: trouble.map(|trouble| say_trouble(place, trouble)),
        frame: Frame::new(place, Some(bar)),
    })
}

#[derive(Template)]
#[template(path = "papers.html")]
struct Papers<'a> {
    frame: Frame<'a>,
    name: String,
    codes: Vec<&'a str>,
}

/// Shows her codes on paper, once.
pub(crate) fn papers(place: Place<'_>, bar: Bar, codes: &[PaperCode]) -> String {
    let codes = codes.iter().map(PaperCode::reveal).collect();
    render(&Papers { name: bar.name.clone(), frame: Frame::new(place, Some(bar)), codes })
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroubleView<'a> {
    frame: Frame<'a>,
    trouble: String,
    back: &'a str,
}

/// Says why something was not done.
pub(crate) fn trouble(place: Place<'_>, bar: Option<Bar>, trouble: Trouble, back: &str) -> String {
    let trouble = say_trouble(place, trouble);
    render(&TroubleView { frame: Frame::new(place, bar), trouble, back })
}

fn say_trouble(place: Place<'_>, trouble: Trouble) -> String {
    match trouble {
        Trouble::Wait(seconds) if seconds > 90 => {
            place.say_with("trouble-wait-minutes", &[("minutes", &seconds.div_ceil(60).to_string())])
        }
        Trouble::Wait(seconds) => place.say_with("trouble-wait", &[("seconds", &seconds.to_string())]),
        Trouble::Wrong => place.say("trouble-wrong"),
        Trouble::Busy => place.say("trouble-busy"),
        Trouble::Field => place.say("trouble-field"),
        Trouble::Denied => place.say("trouble-denied"),
        Trouble::Unknown => place.say("trouble-unknown"),
        Trouble::Short => place.say("trouble-short"),
        Trouble::Long => place.say("trouble-long"),
        Trouble::Simple => place.say("trouble-simple"),
        Trouble::Same => place.say("trouble-same"),
        Trouble::Code => place.say("trouble-code"),
        Trouble::HasBox => place.say("trouble-has-box"),
        Trouble::Rule => place.say("trouble-rule"),
        Trouble::Contrary => place.say("trouble-contrary"),
        Trouble::TooMany => place.say("trouble-too-many"),
        Trouble::Race => place.say("trouble-race"),
        Trouble::Provider => place.say("trouble-provider"),
        Trouble::Stranger => place.say("trouble-stranger"),
        Trouble::File => place.say("trouble-file"),
        Trouble::FileName => place.say("trouble-file-name"),
        Trouble::Unavailable => place.say("trouble-unavailable"),
    }
}

/// The HTTP status of what was not done.
pub(crate) fn status_of(trouble: Trouble) -> u16 {
    match trouble {
        Trouble::Wait(_) => 429,
        Trouble::Busy | Trouble::Unavailable | Trouble::Provider => 503,
        Trouble::Denied | Trouble::Wrong | Trouble::Stranger => 403,
        Trouble::Unknown => 404,
        Trouble::HasBox | Trouble::Race | Trouble::Contrary => 409,
        Trouble::Field
        | Trouble::File
        | Trouble::FileName
        | Trouble::Short
        | Trouble::Long
        | Trouble::Simple
        | Trouble::Same
        | Trouble::Code
        | Trouble::Rule
        | Trouble::TooMany => 422,
    }
}
