//! Why something was not done, in the words of people.

use askama::Template;

use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::{Language, Trouble};

/// Says why something was not done, and leads back.
#[derive(Clone, Copy, Debug)]
pub struct TroublePage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// What stood against it.
    pub trouble: Trouble,
    /// The path of the page to go on with.
    pub back: &'a str,
}

#[derive(Template)]
#[template(path = "people/trouble.html")]
struct View<'a> {
    frame: Frame<'a>,
    trouble: String,
    back: &'a str,
}

impl TroublePage<'_> {
    /// The HTTP status of the page.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.trouble {
            Trouble::Wait(_) | Trouble::TooMany => 429,
            Trouble::Busy | Trouble::Unavailable | Trouble::NoClock | Trouble::Full => 503,
            Trouble::Wrong | Trouble::Denied | Trouble::Stronger | Trouble::Unregistered => 403,
            Trouble::Unknown => 404,
            Trouble::Answered
            | Trouble::Declined
            | Trouble::NameTaken
            | Trouble::Ended
            | Trouble::Locked
            | Trouble::ReadingsFull
            | Trouble::Occupied
            | Trouble::PointSilent
            | Trouble::LastKey
            | Trouble::LastOfRole
            | Trouble::LessonsRun
            | Trouble::LessonOver => 409,
            Trouble::Code
            | Trouble::SecretShort
            | Trouble::SecretLong
            | Trouble::SecretSimple
            | Trouble::SecretSame
            | Trouble::Field
            | Trouble::Window
            | Trouble::Key
            | Trouble::KeyEnd
            | Trouble::Outside
            | Trouble::TooMuch
            | Trouble::Length
            | Trouble::Sites
            | Trouble::NotWorkspace
            | Trouble::Day => 422,
        }
    }

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let trouble = tell(language, self.trouble);
        render(&View { frame: Frame::new(self.place, language), trouble, back: self.back })
    }
}

/// The trouble as a whole sentence.
pub(super) fn tell(language: Language, trouble: Trouble) -> String {
    let key = match trouble {
        Trouble::Wait(seconds) => return tell_pause(language, seconds),
        Trouble::Wrong => "trouble-wrong",
        Trouble::Busy => "trouble-busy",
        Trouble::Code => "trouble-code",
        Trouble::PointSilent => "trouble-point-silent",
        Trouble::SecretShort => "trouble-secret-short",
        Trouble::SecretLong => "trouble-secret-long",
        Trouble::SecretSimple => "trouble-secret-simple",
        Trouble::SecretSame => "trouble-secret-same",
        Trouble::NameTaken => "trouble-name-taken",
        Trouble::Field => "trouble-field",
        Trouble::TooMany => "trouble-too-many",
        Trouble::Full => "trouble-full",
        Trouble::Declined => "trouble-declined",
        Trouble::Answered => "trouble-answered",
        Trouble::Unknown => "trouble-unknown",
        Trouble::Stronger => "trouble-stronger",
        Trouble::Denied => "trouble-denied",
        Trouble::Occupied => "trouble-occupied",
        Trouble::LessonOver => "trouble-lesson-over",
        Trouble::LessonsRun => "trouble-lessons-run",
        Trouble::Length => "trouble-length",
        Trouble::Sites => "trouble-sites",
        Trouble::NotWorkspace => "trouble-not-workspace",
        Trouble::Unregistered => "trouble-unregistered",
        Trouble::Day => "trouble-day",
        Trouble::NoClock => "trouble-no-clock",
        Trouble::Window => "trouble-window",
        Trouble::Key => "trouble-key",
        Trouble::KeyEnd => "trouble-key-end",
        Trouble::LastKey => "trouble-last-key",
        Trouble::LastOfRole => "trouble-last-of-role",
        Trouble::Ended => "trouble-ended",
        Trouble::Locked => "trouble-locked",
        Trouble::Outside => "trouble-outside",
        Trouble::TooMuch => "trouble-too-much",
        Trouble::ReadingsFull => "trouble-readings-full",
        Trouble::Unavailable => "trouble-unavailable",
    };
    language.say(key)
}

fn tell_pause(language: Language, seconds: u64) -> String {
    if seconds < 120 {
        language.say_with("trouble-wait-seconds", &[("count", &language.group_digits(seconds.max(2)))])
    } else {
        language.say_with("trouble-wait-minutes", &[("count", &language.group_digits(seconds.div_ceil(60)))])
    }
}
