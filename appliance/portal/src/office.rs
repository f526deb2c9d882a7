//! What people do through the pages, and what the box must do for it.

use std::net::IpAddr;

use model::{
    DomainName, Layer, LessonId, Motive, Override, OverrideId, Person, PersonId, PersonName, RequestId, Role,
    RoomName, SiteRequest, Timestamp, Verdict,
};

use crate::{
    AdoptionRoom, ChoreRoom, CommuneRoom, DeviceRoom, HubRoom, InstallRoom, KeyRoom, LessonRoom, LineRoom,
    NetworkRoom, PreparationRoom, ReadingRoom, TelephoneRoom,
};

/// The part of the box that keeps people, sessions and requests. Its calls block: for files, and for a secret that is
/// hashed.
pub trait Office:
    ReadingRoom
    + LessonRoom
    + PreparationRoom
    + TelephoneRoom
    + CommuneRoom
    + AdoptionRoom
    + DeviceRoom
    + KeyRoom
    + NetworkRoom
    + InstallRoom
    + HubRoom
    + LineRoom
    + ChoreRoom
    + Send
    + Sync
{
    /// The teachers who may sign in, by name: the tiles of the sign-in page.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn teachers(&self) -> Result<Vec<Tile>, Trouble>;

    /// Signs somebody in on this client, who shows a code beside her secret where she has a telephone. Returns the token of the session.
    ///
    /// # Errors
    /// [`Trouble::Wrong`], [`Trouble::Wait`], [`Trouble::Busy`] and others.
    fn sign_in(&self, client: IpAddr, who: &Claimed, secret: &str, code: &str) -> Result<String, Trouble>;

    /// Who shows this token on this client, if it counts. With `is_use`, the session's idle time begins anew.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn enter(&self, client: IpAddr, token: &str, is_use: bool) -> Result<Option<Person>, Trouble>;

    /// Ends the session of this token.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn sign_out(&self, client: IpAddr, token: &str) -> Result<(), Trouble>;

    /// Gives somebody a secret of her own, who must know the one before. Returns the token of a new session.
    ///
    /// # Errors
    /// [`Trouble::Wrong`] and those of the new secret.
    fn change_secret(&self, client: IpAddr, person: &Person, old: &str, new: &str)
    -> Result<String, Trouble>;

    /// What the device of this client asked for in the last day, the last first.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn asked(&self, client: IpAddr) -> Result<Vec<Asked>, Trouble>;

    /// Asks for the site of a host that was just refused to the device of this client.
    ///
    /// # Errors
    /// [`Trouble::Unknown`] when it was not, and those of too many requests.
    fn ask(&self, client: IpAddr, site: &DomainName) -> Result<(), Trouble>;

    /// The requests that this person may see, the open ones first.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn wishes(&self, person: &Person) -> Result<Vec<Wish>, Trouble>;

    /// The overrides that this person may end, the last first.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn standing(&self, person: &Person) -> Result<Vec<Override>, Trouble>;

    /// Answers a request.
    ///
    /// # Errors
    /// [`Trouble`]: it is answered already, something stronger counts for the site, and so on.
    fn answer(&self, client: IpAddr, person: &Person, id: RequestId, reply: &Reply) -> Result<(), Trouble>;

    /// Opens or closes a site for the whole school, though nobody has asked.
    ///
    /// # Errors
    /// [`Trouble::Sites`] for no site, [`Trouble::Stronger`] for what the commune has decided, for the workspace, and for what would stay
    /// open; [`Trouble::Full`], [`Trouble::NoClock`].
    fn make_rule(&self, person: &Person, rule: &SchoolRule) -> Result<(), Trouble>;

    /// Ends an override before its time.
    ///
    /// # Errors
    /// [`Trouble::Unknown`], [`Trouble::Denied`].
    fn end(&self, person: &Person, id: OverrideId) -> Result<(), Trouble>;

    /// Everybody who is registered.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn people(&self) -> Result<Vec<Person>, Trouble>;

    /// The rooms that devices stand in.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn rooms(&self) -> Result<Vec<RoomName>, Trouble>;

    /// Registers somebody.
    ///
    /// # Errors
    /// [`Trouble::NameTaken`], [`Trouble::Full`].
    fn add_person(&self, client: IpAddr, by: &Person, new: &Newcomer) -> Result<Card, Trouble>;

    /// Makes a new card for somebody.
    ///
    /// # Errors
    /// [`Trouble::Unknown`], [`Trouble::Denied`].
    fn reset_person(&self, client: IpAddr, by: &Person, id: PersonId) -> Result<Card, Trouble>;

    /// Gives somebody other rooms; none: anywhere.
    ///
    /// # Errors
    /// [`Trouble::Unknown`], [`Trouble::Denied`], [`Trouble::Field`] for a room that there is not.
    fn change_rooms(
        &self,
        client: IpAddr,
        by: &Person,
        id: PersonId,
        rooms: &[RoomName],
    ) -> Result<(), Trouble>;

    /// Lets somebody sign in no more.
    ///
    /// # Errors
    /// [`Trouble::Unknown`], [`Trouble::Denied`] for oneself.
    fn disable_person(&self, client: IpAddr, by: &Person, id: PersonId) -> Result<(), Trouble>;

    /// The time, where the clock is set.
    fn now(&self) -> Option<Timestamp>;
}

/// A teacher on the sign-in page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Her number.
    pub id: PersonId,
    /// Her name.
    pub name: PersonName,
}

/// Who somebody says to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The person of a tile.
    Tile(PersonId),
    /// Whoever bears this name.
    Named(PersonName),
}

/// A request, as the device that made it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The request.
    pub request: SiteRequest,
    /// The override that it was granted.
    pub granted: Option<Override>,
}

/// A request, as those who answer see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The request.
    pub request: SiteRequest,
    /// What stands against it now.
    pub hold: Hold,
    /// The override that it was granted.
    pub granted: Option<Override>,
}

/// What stands against a site now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nothing any more.
    Open,
    /// What this layer may lift.
    By(Layer),
    /// A lesson that closes all, whatever the site.
    Lesson,
    /// What nobody can lift: the request itself is wrong.
    Nobody,
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Open for the room that asked, for some minutes.
    Lesson {
        /// How many.
        minutes: u32,
        /// Why.
        motive: Motive,
    },
    /// Open for the room that asked, until the lesson there ends.
    ThisLesson {
        /// The lesson.
        lesson: LessonId,
        /// Why.
        motive: Motive,
    },
    /// Open for the whole school.
    School {
        /// Up to and including this day.
        until: jiff::civil::Date,
        /// Why.
        motive: Motive,
    },
    /// It stays closed.
    Decline,
}

/// A rule that is to be made for the whole school.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchoolRule {
    /// The site, as somebody typed or pasted it.
    pub site: String,
    /// Whether it is opened or closed.
    pub effect: Verdict,
    /// Up to and including this day; `None`: until somebody ends it.
    pub until: Option<jiff::civil::Date>,
    /// Why.
    pub motive: Motive,
}

/// Somebody who is to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Her name.
    pub name: PersonName,
    /// What she is.
    pub role: Role,
    /// Where she teaches; none: anywhere.
    pub rooms: Vec<RoomName>,
}

/// What is printed for somebody's first sign-in. It is shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    /// For whom.
    pub person: Person,
    /// The first PIN or password.
    pub secret: String,
}

/// Why something was not done, to be said in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The name and the secret do not belong together.
    #[error("wrong name or secret")]
    Wrong,
    /// Too many wrong secrets.
    #[error("wait for {0} seconds")]
    Wait(u64),
    /// Others sign in at this moment.
    #[error("busy")]
    Busy,
    /// The code of the telephone that is to be made known is wrong.
    #[error("wrong code")]
    Code,
    /// The access point does not answer with the certificate that it said.
    #[error("the access point does not answer as it said")]
    PointSilent,
    /// The new secret is too short.
    #[error("the secret is too short")]
    SecretShort,
    /// The new secret is too long.
    #[error("the secret is too long")]
    SecretLong,
    /// The new secret is what anybody would try first.
    #[error("the secret is too simple")]
    SecretSimple,
    /// The new secret is the old one.
    #[error("the secret is the old one")]
    SecretSame,
    /// Somebody bears the name already.
    #[error("the name is taken")]
    NameTaken,
    /// What was typed is not what the field is for.
    #[error("a field is wrong")]
    Field,
    /// The device has too many open requests.
    #[error("too many requests of this device")]
    TooMany,
    /// There is no room for more.
    #[error("no room for more")]
    Full,
    /// The site was declined today.
    #[error("declined today")]
    Declined,
    /// Somebody else answered.
    #[error("answered already")]
    Answered,
    /// There is no such thing.
    #[error("unknown")]
    Unknown,
    /// What closes the site is stronger than this person, or what opens it.
    #[error("something stronger counts for the site")]
    Stronger,
    /// It is not for this person.
    #[error("denied")]
    Denied,
    /// A colleague has the room.
    #[error("a colleague has the room")]
    Occupied,
    /// The lesson is over.
    #[error("the lesson is over")]
    LessonOver,
    /// Lessons are under way, and nobody has said that they do not matter.
    #[error("lessons are under way")]
    LessonsRun,
    /// A lesson cannot last so long, or not so short.
    #[error("no length of a lesson")]
    Length,
    /// What was typed is no list of sites.
    #[error("no list of sites")]
    Sites,
    /// What was typed is no address of a workspace that the box serves.
    #[error("no address of a workspace that the box serves")]
    NotWorkspace,
    /// The device is not one that the box serves workspaces to: there is none by whose rules something could be fetched.
    #[error("the device is not served the workspace")]
    Unregistered,
    /// A day that is over, or too far away.
    #[error("the day is over or too far away")]
    Day,
    /// The clock is not set: nothing can have an end.
    #[error("the clock is not set")]
    NoClock,
    /// A reading needs a window that is not too long, or a device.
    #[error("the window of the reading is missing or too long")]
    Window,
    /// What was typed is no key of a reader.
    #[error("no key of a reader")]
    Key,
    /// What was typed is not the end of the secret key that was shown.
    #[error("not the end of the key")]
    KeyEnd,
    /// Without this key, days would be sealed to nobody.
    #[error("the last key")]
    LastKey,
    /// It is the last key of those for whom it was made, and that was not meant.
    #[error("the last key of its kind")]
    LastOfRole,
    /// The reading is over.
    #[error("the reading is over")]
    Ended,
    /// The reading has no keys here: the box was started since it was opened.
    #[error("the keys of the reading are gone")]
    Locked,
    /// What is looked for is outside the reading.
    #[error("outside the reading")]
    Outside,
    /// An extract would have too many records.
    #[error("too many records for an extract")]
    TooMuch,
    /// Several readings are open already.
    #[error("too many open readings")]
    ReadingsFull,
    /// The box cannot read or write what it keeps.
    #[error("the state cannot be used")]
    Unavailable,
}
