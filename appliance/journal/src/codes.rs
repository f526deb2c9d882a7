//! The enumerations of records, as numbers on the disk.
//!
//! Invariant: a variant's number is its place here. New ones go to the end; none is ever removed.

use serde::{Deserialize, Serialize};

/// Mirrors an enumeration of the model, so that the order of its variants there may change.
macro_rules! mirror {
    ($name:ident of $model:ident: $($variant:ident),+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum $name { $($variant),+ }

        impl From<model::$model> for $name {
            fn from(value: model::$model) -> Self {
                match value { $(model::$model::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for model::$model {
            fn from(code: $name) -> Self {
                match code { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

mirror!(ClockCode of ClockQuality: Synchronised, Unsynchronised, Unset);
mirror!(KindCode of AccessKind: Dns, Tls, Http, Connect, Tcp, Udp, Ip);
mirror!(VerdictCode of Verdict: Permit, Refuse);
mirror!(FaultCode of Fault:
    Unnamed, AddressLiteral, NotTls, Malformed, Port, Evasion, Tunnel, Inward,
    Quic, DnsOverTls, DnsOverQuic, NoService, Elsewhere, NotForProfile, Unready, Protocol, Flood);
mirror!(LayerCode of Layer: Commune, School, Lesson);
mirror!(EndCode of End: Finish, Abort, Unreachable, Forbidden, Cut, Lapse);
mirror!(PurposeCode of Purpose: Incident, Complaint, Judicial, Oversight, Access, Maintenance);
mirror!(ReadingEndCode of ReadingEnd: Hand, Time);
mirror!(LessonEndingCode of LessonEnding: Hand, TakeOver, Time);
mirror!(NarrowingCode of Narrowing: List, Workspace, Closed);
mirror!(AlterationCode of Alteration:
    RenewWifiKey, TakeWifiKey, ChangeRooms, PlanLesson, DropPlan, KeepReport, JoinHub, Prepare,
    DropPreparation, ChangeLine, TakeAdoptionKey, DoNow, RenewAdoptionKey);
