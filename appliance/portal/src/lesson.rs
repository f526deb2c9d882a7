//! What teachers do with a room and a lesson through the pages, and what the box must do for it.

use std::net::IpAddr;

use model::{
    DomainName, InternetMode, Lesson, LessonEnd, LessonId, LessonPlan, Motive, Override, OverrideId, Person,
    PersonName, PlanId, RoomName, Timestamp,
};

use crate::{Hold, Trouble};

/// The part of the box that keeps lessons. Its calls block.
pub trait LessonRoom: Send + Sync {
    /// The room in which this person teaches now, as it is: the one that she chose last, else her first one.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn room_now(&self, person: &Person) -> Result<RoomNow, Trouble>;

    /// Remembers the room in which this person teaches now.
    ///
    /// # Errors
    /// [`Trouble::Denied`] where she does not teach, [`Trouble::Unknown`].
    fn choose_room(&self, person: &Person, room: &RoomName) -> Result<(), Trouble>;

    /// Begins a lesson of this person.
    ///
    /// # Errors
    /// [`Trouble::Denied`], [`Trouble::Occupied`] by a colleague's, [`Trouble::NoClock`], [`Trouble::Length`],
    /// [`Trouble::Full`].
    fn start_lesson(&self, client: IpAddr, person: &Person, start: &LessonStart) -> Result<(), Trouble>;

    /// Has a lesson go on in another way.
    ///
    /// # Errors
    /// [`Trouble::Denied`], [`Trouble::LessonOver`], [`Trouble::Length`].
    fn change_lesson(
        &self,
        client: IpAddr,
        person: &Person,
        id: LessonId,
        turn: &LessonTurn,
    ) -> Result<(), Trouble>;

    /// Ends a lesson before its time. One that is over stays so.
    ///
    /// # Errors
    /// [`Trouble::Denied`].
    fn end_lesson(&self, client: IpAddr, person: &Person, id: LessonId) -> Result<(), Trouble>;

    /// Opens a site for the room of a lesson, until the lesson ends.
    ///
    /// # Errors
    /// [`Trouble::Denied`], [`Trouble::LessonOver`], [`Trouble::Stronger`], [`Trouble::Full`].
    fn permit_for_lesson(
        &self,
        person: &Person,
        id: LessonId,
        site: &DomainName,
        motive: &Motive,
    ) -> Result<(), Trouble>;

    /// Closes a site for the whole school at once, and has the head see it.
    ///
    /// # Errors
    /// [`Trouble::Sites`] for no site, [`Trouble::Stronger`] for the workspace and for what would stay open,
    /// [`Trouble::Full`], also of too many of one person.
    fn report_site(&self, person: &Person, site: &str, motive: &Motive) -> Result<(), Trouble>;

    /// The sites that teachers closed, and that nobody who directs has looked at yet.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn reports(&self) -> Result<Vec<Override>, Trouble>;

    /// Keeps closed what a teacher closed.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn keep_report(&self, client: IpAddr, person: &Person, id: OverrideId) -> Result<(), Trouble>;

    /// The times during which rooms had their Wi-Fi, the last first.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn wifi_register(&self) -> Result<Vec<WifiLine>, Trouble>;

    /// The rooms that have a network.
    fn wifi_rooms(&self) -> Vec<RoomName>;

    /// The planned lessons of this person, in the order of the week.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn plans(&self, person: &Person) -> Result<Vec<(PlanId, LessonPlan)>, Trouble>;

    /// Plans a lesson of this person, each week.
    ///
    /// # Errors
    /// [`Trouble::Denied`], [`Trouble::Length`], [`Trouble::Full`].
    fn add_plan(&self, client: IpAddr, person: &Person, plan: &LessonPlan) -> Result<(), Trouble>;

    /// Gives a planned lesson of this person up.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn remove_plan(&self, client: IpAddr, person: &Person, id: PlanId) -> Result<(), Trouble>;

    /// By what tablets join the Wi-Fi of the room in which this person teaches now.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn join_code(&self, person: &Person) -> Result<JoinCode, Trouble>;

    /// What changes whenever something that pages of teachers show may have changed. It is asked for often.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn pulse(&self, person: &Person) -> Result<u64, Trouble>;
}

/// A room, as whoever teaches there sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomNow {
    /// The rooms that she may choose from.
    pub rooms: Vec<RoomName>,
    /// The one; `None` where there are none.
    pub room: Option<RoomName>,
    /// The lesson that runs there.
    pub lesson: Option<Lesson>,
    /// Whether she may change it: it is her own, or she directs.
    pub is_hers: bool,
    /// Her lesson there that a colleague took over before its time.
    pub taken: Option<LessonEnd>,
    /// The sites of her last list there.
    pub sites: String,
    /// How long a lesson usually is, in minutes.
    pub minutes: u32,
    /// The Wi-Fi of the room.
    pub wifi: WifiStatus,
    /// The devices of the room, those seen last first.
    pub devices: Vec<SeenDevice>,
    /// The devices of the school that tried its Wi-Fi with an old key in the last minutes.
    pub old_keys: Vec<String>,
    /// How many others tried with a wrong one.
    pub strange_keys: usize,
    /// What the room looked for in vain during the lesson.
    pub missed: Vec<Missed>,
}

/// The Wi-Fi of a room, as far as the box knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WifiStatus {
    /// The room has no access point of the box's.
    #[default]
    None,
    /// It is off: no beacon is heard.
    Off,
    /// It should be off, and nobody can hear whether it is.
    OffUnverified,
    /// It is being switched on.
    Starting,
    /// It has been on since then.
    On {
        /// Since when.
        since: Timestamp,
    },
    /// The access point has not answered since then.
    Unreachable {
        /// Since when.
        since: Timestamp,
    },
}

/// By what tablets join the Wi-Fi of a room. Whoever sees the picture has the room's key.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinCode {
    /// The room; `None` where she has none.
    pub room: Option<RoomName>,
    /// What can be shown.
    pub state: JoinState,
}

/// What can be shown of a room's Wi-Fi.
#[derive(Clone, PartialEq, Eq)]
pub enum JoinState {
    /// Nothing: no lesson of hers has the Wi-Fi there.
    Off,
    /// Nothing: each device has a key of its own.
    OwnKeys,
    /// A picture for the projector, and the name of the network.
    Shown {
        /// The name.
        ssid: String,
        /// The picture, as SVG inside a page.
        picture: String,
    },
}

/// A device of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenDevice {
    /// What people call it.
    pub name: String,
    /// When it was seen last since the box began.
    pub last: Option<Timestamp>,
}

/// A site that a room looked for in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The site.
    pub site: DomainName,
    /// How many devices did.
    pub devices: usize,
    /// What stands against it now.
    pub hold: Hold,
}

/// A lesson that is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonStart {
    /// In this room.
    pub room: RoomName,
    /// For so many minutes.
    pub minutes: u32,
    /// What the room's devices may reach.
    pub internet: InternetMode,
    /// Whether the room has its Wi-Fi.
    pub is_wifi_on: bool,
    /// The colleague's lesson that ends with it.
    pub takes_over: Option<LessonId>,
}

/// What is to be different of a lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LessonTurn {
    /// Another mode.
    Internet(InternetMode),
    /// Wi-Fi or none.
    Wifi(bool),
    /// Another end.
    Until(Timestamp),
}

/// A time during which a room had its Wi-Fi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WifiLine {
    /// For which lesson.
    pub lesson: LessonId,
    /// In which room.
    pub room: RoomName,
    /// When it was switched on.
    pub on: Timestamp,
    /// By whom.
    pub on_by: PersonName,
    /// When it was switched off, and by whom.
    pub off: Option<(Timestamp, PersonName)>,
}
