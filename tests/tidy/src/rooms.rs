//! Which room may use which, and which room owns which outside thing.

use std::collections::BTreeSet;

use crate::house;

/// One room and what it may use.
pub(crate) struct Room {
    pub(crate) name: &'static str,
    /// Rooms that think: no async runtime, socket, file or clock.
    pub(crate) is_pure: bool,
    /// The rooms that it may use.
    may_use: &'static [&'static str],
    /// Why these.
    because: &'static str,
}

pub(crate) const ROOMS: &[Room] = &[
    Room { name: "model", is_pure: true, may_use: &[], because: "the nouns know nobody" },
    Room { name: "wire", is_pure: true, may_use: &["model"], because: "bytes become nouns" },
    Room {
        name: "blocklist",
        is_pure: true,
        may_use: &["model"],
        because: "lists hold names and categories",
    },
    Room {
        name: "policy",
        is_pure: true,
        may_use: &["model", "blocklist"],
        because: "a verdict depends on who asks, for what, and on the lists",
    },
    Room {
        name: "journal",
        is_pure: true,
        may_use: &["model", "policy"],
        because: "what is recorded is a decision",
    },
    Room {
        name: "archive",
        is_pure: true,
        may_use: &["model", "journal"],
        because: "what is sealed is a journal; no door waits for its columns and signatures",
    },
    Room {
        name: "access",
        is_pure: true,
        may_use: &["model", "policy", "journal"],
        because: "the desk attributes, decides and records, for every door",
    },
    Room {
        name: "firewall",
        is_pure: true,
        may_use: &["model"],
        because: "the ruleset follows from addresses and ports alone",
    },
    Room {
        name: "addressing",
        is_pure: true,
        may_use: &["model", "firewall"],
        because: "who has which address follows from the configuration; the port is the firewall's",
    },
    Room {
        name: "services",
        is_pure: true,
        may_use: &["model", "wire", "policy", "journal", "access", "firewall"],
        because: "flows are judged and recorded by the desk, and let through by the firewall",
    },
    Room {
        name: "selftest",
        is_pure: true,
        may_use: &["model", "blocklist", "policy"],
        because: "an attack is judged by what came back alone; it knows no door, so that it cannot share a door's mistake",
    },
    Room {
        name: "people",
        is_pure: true,
        may_use: &["model"],
        because: "who may sign in follows from what is kept and from the time",
    },
    Room {
        name: "pki",
        is_pure: true,
        may_use: &["model"],
        because: "certificates follow from a key, names and the time",
    },
    Room {
        name: "wifi",
        is_pure: true,
        may_use: &["model", "wire"],
        because: "what a network is depends on nobody who uses it; what it says on the air is bytes",
    },
    Room {
        name: "cache",
        is_pure: true,
        may_use: &["model"],
        because: "what may be kept follows from header fields and the time",
    },
    Room {
        name: "replication",
        is_pure: true,
        may_use: &["model"],
        because: "what box and hub say to each other belongs to neither",
    },
    Room {
        name: "store",
        is_pure: false,
        may_use: &["model"],
        because: "it keeps nouns, and judges nothing",
    },
    Room {
        name: "system",
        is_pure: false,
        may_use: &[
            "model",
            "wire",
            "blocklist",
            "policy",
            "journal",
            "archive",
            "access",
            "firewall",
            "services",
            "pki",
            "selftest",
            "wifi",
        ],
        because: "it fills the ports of the pure rooms",
    },
    Room {
        name: "sync",
        is_pure: false,
        may_use: &["model", "archive", "pki", "replication", "system"],
        because: "it brings to the hub what lies sealed on the disk, and knows no door",
    },
    Room {
        name: "seats",
        is_pure: false,
        may_use: &["model"],
        because: "every door takes its places from it, and it serves none",
    },
    Room {
        name: "resolver",
        is_pure: false,
        may_use: &["model", "wire", "policy", "journal", "access", "seats"],
        because: "a door asks the desk; it knows no list, no file and no other door",
    },
    Room {
        name: "proxy",
        is_pure: false,
        may_use: &["model", "wire", "policy", "journal", "access", "cache", "seats"],
        because: "a door asks the desk; it knows no list, no file and no other door",
    },
    Room {
        name: "portal",
        is_pure: false,
        may_use: &["model"],
        because: "pages show nouns and reasons; whoever shows them brings the values",
    },
    Room {
        name: "hub",
        is_pure: false,
        may_use: &["model", "archive", "people", "pki", "portal", "replication"],
        because: "a hub knows boxes by what they send; it shares no state, no file and no page with one, but how pages look and \
                  how their forms are known",
    },
    Room {
        name: "preau",
        is_pure: false,
        may_use: &[
            "model",
            "wire",
            "blocklist",
            "policy",
            "journal",
            "archive",
            "access",
            "firewall",
            "addressing",
            "services",
            "people",
            "pki",
            "selftest",
            "store",
            "system",
            "resolver",
            "proxy",
            "portal",
            "cache",
            "wifi",
            "replication",
            "sync",
            "hub",
        ],
        because: "it wires everything up, so nobody may use it",
    },
];

/// An outside thing that only one room may touch, on the box and on the hub each.
struct Ownership {
    /// Crates, by name or by the start of it when it ends with `*`.
    crates: &'static [&'static str],
    owners: &'static [&'static str],
    because: &'static str,
}

const OWNERSHIPS: &[Ownership] = &[
    Ownership {
        crates: &["rusqlite", "libsqlite3-sys"],
        owners: &["store", "hub"],
        because: "SQL stands in one place: the box's state in one, the hub's register in the other",
    },
    Ownership {
        crates: &["actix*", "askama", "fluent*"],
        owners: &["portal", "hub"],
        because: "actix is on an older http than hyper: its types stay with the pages",
    },
    Ownership {
        crates: &["hyper", "hyper-util", "http-body-util"],
        owners: &["proxy"],
        because: "the gate alone speaks HTTP for others",
    },
    Ownership {
        crates: &["hickory-resolver"],
        owners: &["resolver"],
        because: "one place asks upstream servers",
    },
    Ownership {
        crates: &[
            "dhcproto",
            "rtnetlink",
            "netlink*",
            "nftables",
            "memmap2",
            "resolv-conf",
            "sd-notify",
            "sysinfo",
        ],
        owners: &["system"],
        because: "one room knows the kernel and the disk",
    },
    Ownership {
        crates: &["ureq", "md5"],
        owners: &["system", "sync", "hub"],
        because: "the lists' mirror is asked in one place, by a process of its own, the hub in another; the hub calls whoever is to hear of a school, and asks its object store",
    },
    Ownership {
        crates: &["postgres", "tokio-postgres*", "rusty-s3"],
        owners: &["hub"],
        because: "a hub's engines stand behind its ports",
    },
    Ownership {
        crates: &["instant-acme"],
        owners: &["hub"],
        because: "a box asks no authority: its hub does",
    },
    Ownership {
        crates: &["lettre", "prometheus-client"],
        owners: &["hub"],
        because: "a box writes to nobody",
    },
    Ownership {
        crates: &["parquet", "ct-merkle", "sha2", "age", "age-core"],
        owners: &["archive"],
        because: "what a journal becomes when it is sealed is made, and read, in one place",
    },
    Ownership {
        crates: &["argon2", "totp-rs"],
        owners: &["people"],
        because: "what is kept of a secret is made, and compared, in one place",
    },
    Ownership {
        crates: &["clap", "anyhow", "toml-span"],
        owners: &["preau"],
        because: "the binary has the command line",
    },
];

/// Crates that pure rooms may use: they compute, and touch nothing outside the program.
const PURE_CRATES: &[&str] = &[
    "age",
    "age-core",
    "arc-swap",
    "argon2",
    "base64",
    "blake3",
    "bytes",
    "crc32fast",
    "csv",
    "ct-merkle",
    "flate2",
    "fst",
    "hickory-proto",
    "http",
    "httpdate",
    "icu_normalizer",
    "icu_properties",
    "idna",
    "jiff",
    "ipnet",
    "memchr",
    "parquet",
    "pcap-parser",
    "plist",
    "postcard",
    "psl",
    "qrcode",
    "quick-xml",
    "rcgen",
    "ring",
    "roxmltree",
    "rqrr",
    "rustls",
    "serde",
    "serde_json",
    "sfv",
    "sha2",
    "spake2",
    "tar",
    "thiserror",
    "totp-rs",
    "twox-hash",
    "uuid",
    "x509-cert",
    "zeroize",
    "zstd",
];

/// Crates that the tests of pure rooms may use besides.
const PURE_TEST_CRATES: &[&str] =
    &["hickory-proto", "http-cache-semantics", "insta", "proptest", "signed_note", "tlog_tiles", "webpki"];

fn find_room(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[test]
fn every_room_is_in_the_table() {
    let known: BTreeSet<String> = ROOMS.iter().map(|room| room.name.to_owned()).collect();
    assert_eq!(house::entries("appliance"), known);
}

#[test]
fn rooms_use_only_the_rooms_below_them() {
    for room in ROOMS {
        let dependencies = house::dependencies(&format!("appliance/{}", room.name));
        for name in dependencies.used.iter().filter(|name| find_room(name).is_some()) {
            let is_allowed = room.may_use.contains(&name.as_str());
            assert!(is_allowed, "{} must not use {name}: {}", room.name, room.because);
        }
        for name in &dependencies.tested_with {
            let is_allowed = find_room(name).is_none_or(|other| other.is_pure);
            assert!(is_allowed, "the tests of {} must not use {name}: only pure rooms", room.name);
        }
    }
}

/// The table itself has no way around: a room uses rooms that stand above it in the table only.
#[test]
fn the_table_has_no_circle() {
    for (place, room) in ROOMS.iter().enumerate() {
        for name in room.may_use {
            let position = ROOMS.iter().position(|other| other.name == *name);
            assert!(position.is_some_and(|position| position < place), "{} -> {name}", room.name);
            let is_pure = find_room(name).is_some_and(|other| other.is_pure);
            assert!(!room.is_pure || is_pure, "{} is pure and {name} is not", room.name);
        }
    }
}

#[test]
fn pure_rooms_use_crates_that_only_compute() {
    for room in ROOMS.iter().filter(|room| room.is_pure) {
        let dependencies = house::dependencies(&format!("appliance/{}", room.name));
        let is_outside = |name: &&String| find_room(name).is_none();
        for name in dependencies.used.iter().filter(is_outside) {
            assert!(PURE_CRATES.contains(&name.as_str()), "{} is pure and must not use {name}", room.name);
        }
        for name in dependencies.tested_with.iter().filter(is_outside) {
            let is_allowed =
                PURE_CRATES.contains(&name.as_str()) || PURE_TEST_CRATES.contains(&name.as_str());
            assert!(is_allowed, "{} is pure and its tests must not use {name}", room.name);
        }
    }
}

#[test]
fn each_outside_thing_has_one_owner() {
    for room in ROOMS {
        let used = house::dependencies(&format!("appliance/{}", room.name)).used;
        let others = OWNERSHIPS.iter().filter(|owned| !owned.owners.contains(&room.name));
        for Ownership { crates, owners, because } in others {
            let stray = used.iter().find(|name| crates.iter().any(|pattern| matches(pattern, name)));
            assert_eq!(stray, None, "{}: only {owners:?} may use it: {because}", room.name);
        }
    }
}

/// One version of each dependency for the whole house, the same lints for every crate.
#[test]
fn every_crate_follows_the_workspace() {
    let crates = ["appliance", "tests"]
        .into_iter()
        .flat_map(|folder| house::entries(folder).into_iter().map(move |name| format!("{folder}/{name}")));
    for folder in crates {
        let text = house::read(&format!("{folder}/Cargo.toml"));
        let manifest = toml_span::parse(&text).unwrap();
        let follows = |place: &str| manifest.pointer(place).and_then(toml_span::Value::as_bool) == Some(true);
        assert!(follows("/lints/workspace"), "{folder}: lints");
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(entries) = manifest.pointer(&format!("/{table}")).and_then(|value| value.as_table())
            else {
                continue;
            };
            for name in entries.keys() {
                assert!(
                    follows(&format!("/{table}/{}/workspace", name.name)),
                    "{folder}: {table}: {}",
                    name.name
                );
            }
        }
    }
}
