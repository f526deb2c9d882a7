//! The nouns of a school's network: names, devices, subjects, accesses, verdicts.
//!
//! Every value here is parsed once and cannot be wrong afterwards: a [`DomainName`] is always a lower-case
//! A-label name, a [`Uai`] always carries the right check letter.
//!
//! Invariant: pure. No socket, file, clock or async runtime; time is an argument everywhere.

mod access;
mod access_point;
mod alteration;
mod category;
mod commune_request;
mod device;
mod domain_name;
mod flow_mark;
mod host;
mod lesson;
mod lesson_plan;
mod library;
mod mac;
mod machine;
mod number;
mod overrides;
mod person;
mod preparation;
mod reader_role;
mod reading;
mod release;
mod request;
mod rule;
mod selection;
mod sender;
mod service;
mod subject;
mod tester;
mod text;
mod time;
mod uai;
mod verdict;

pub use access::{AccessKind, Closing, End};
pub use access_point::AccessPointName;
pub use alteration::Alteration;
pub use category::{Category, CategoryError};
pub use commune_request::{
    Answered, CommuneAnswer, CommuneConfiguration, CommuneNotice, CommuneOrder, CommuneOrderKind,
    CommuneRequest, CommuneRequestId, CommuneSheet, NewCommuneRequest,
};
pub use device::{Device, DeviceName, PersonName, ProfileName, RoomName};
pub use domain_name::{DomainName, DomainNameError, LABEL_BYTES_MAX, NAME_BYTES_MAX};
pub use flow_mark::FlowMark;
pub use host::{Host, HostError};
pub use lesson::{
    InternetMode, LESSON_MINUTES_MAX, LESSON_MINUTES_USUAL, LESSON_SITES_MAX, Lesson, LessonEnd,
    LessonEnding, LessonId, LessonSettings, ModeError, Narrowing, NewLesson, SiteList, SitesError,
    UnfitLesson,
};
pub use lesson_plan::{LessonPlan, PlanId};
pub use library::{
    FileName, FileNameError, LIBRARY_BYTES_MAX, LIBRARY_FILE_BYTES_MAX, LIBRARY_FILES_MAX, LibraryFile,
    MediaType, Shown, is_library, is_sum,
};
pub use mac::{Mac, MacError, NotAMachine};
pub use machine::Machine;
pub use overrides::{Act, Deed, Ended, NewOverride, Override, OverrideId, Unfit};
pub use person::{Failures, MadeCard, Person, PersonAct, PersonDeed, PersonId, Role, RoleError};
pub use preparation::{
    NewPreparation, NotAPlace, Preparation, PreparationId, PreparationStage, PreparationTitle, WorkspacePlace,
};
pub use reader_role::{ReaderRole, ReaderRoleError};
pub use reading::{
    DEVICE_WINDOW_DAYS_MAX, Purpose, PurposeError, READING_MINUTES_MAX, READING_MINUTES_USUAL, Reading,
    ReadingEnd, ReadingId, ReadingTerms, Sought, Target, TargetError, Unbounded, WINDOW_DAYS_MAX,
};
pub use release::{
    RELEASE_FILE_BYTES_MAX, RELEASE_FILES, Release, ReleaseArch, ReleaseError, ReleaseFile, ReleaseKey,
    ReleaseVersion, ReleaseVersionError,
};
pub use request::{Answer, Obstacle, RequestId, SiteRequest};
pub use rule::{Idle, Motive, MotiveError, Rule, Scope, Topic};
pub use selection::Selection;
pub use sender::SenderMark;
pub use service::{PortRange, PortRangeError, ServiceName, Transport};
pub use subject::{Subject, UnknownDevice};
pub use tester::Tester;
pub use text::TextError;
pub use time::{ClockQuality, Timestamp, When};
pub use uai::{Uai, UaiError};
pub use verdict::{Fault, Layer, Reason, Ruling, Verdict};
