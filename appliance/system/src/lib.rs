//! The operating system: files, clock, neighbours, nftables.
//!
//! The pure rooms name what they need of the world as ports; this room fills them. Each module touches one
//! outside thing:
//!
//! | module | outside thing | port |
//! |---|---|---|
//! | [`addresses`] | the addresses of the box's interfaces | |
//! | [`air`] | what a radio in monitor mode hears | |
//! | [`authority`] | the file of the box's certificate authority | |
//! | [`clock`] | the kernel's clock, and whether a time server disciplines it | `access::Clock` |
//! | [`derived`] | files for programs beside the box | |
//! | [`directories`] | where a user's data lives | |
//! | [`export`] | extracts of the journal, as files | |
//! | [`forwarding`] | the kernel's switches of forwarding | |
//! | [`health`] | the school's network, as a PC that is plugged in meets it: a network namespace, by the program ip | |
//! | [`hostapd`] | radios of the box, by the program hostapd | `wifi::Drive` |
//! | [`limits`] | the process's resource limits | |
//! | [`lists`] | list sources and index files | |
//! | [`machine`] | memory, disk, sensors, cables | |
//! | [`mirror`] | a mirror of the lists, by HTTP(S) | |
//! | [`neighbours`] | the kernel's neighbour table, by netlink | `access::Neighbours` |
//! | [`netfilter`] | flows of services and refused packets, by netlink | |
//! | [`nft`] | table `inet preau`, by the program nft | |
//! | [`operator`] | the user of the process | |
//! | [`priority`] | how little this process matters | |
//! | [`private`] | small files that only their owner reads | |
//! | [`publication`] | the web folder of a mirror of the lists | |
//! | [`refusals`] | the kernel's limits on errors that it sends | |
//! | [`release`] | the machine's boot files, and the slot that does not run, by the programs systemd-sysupdate, journalctl, systemctl | |
//! | [`release_shelf`] | the files of a release that is on its way | |
//! | [`seal_key`] | the files of keys that sign | |
//! | [`sealing`] | the journal's sealing, and the child processes that do it | |
//! | [`segments`] | the journal's segment files, and the thread that writes them | `journal::Storage` |
//! | [`selftest`] | what the self-test sends, from a network namespace of its own, by the program ip; its results | |
//! | [`shown`] | the certificates that a server shows | |
//! | [`sockets`] | listening sockets | |
//! | [`space`] | the room that the journal has on its disk | |
//! | [`succession`] | another box's state, put in place in one step | |
//! | [`supervisor`] | systemd, which starts the box and watches over it | |
//! | [`terminal`] | the screen and the keyboard of the machine | |
//! | [`ubus`] | access points with OpenWrt, by HTTPS | `wifi::Drive` |
//! | [`updates`] | the lists' updates, and the child processes that make them | |
//! | [`vault`] | the sealed files of the journal | `archive::Vault` |
//! | [`upstreams`] | the resolvers that the system uses | |
//!
//! Invariant: the only room that runs programs, and the only one that reads the clock. It never reads the
//! environment: what it needs of it is an argument, but for what systemd leaves there, which is the crate's business.

pub mod addresses;
pub mod air;
#[cfg(test)]
mod asked;
pub mod authority;
pub mod certifier;
pub mod clock;
pub mod derived;
pub mod directories;
mod erasing;
pub mod export;
pub mod first_boot;
pub mod forwarding;
#[cfg(test)]
mod full_disk;
pub mod health;
pub mod hostapd;
pub mod library_shelf;
pub mod limits;
pub mod lists;
pub mod machine;
pub mod mirror;
pub mod neighbours;
pub mod netfilter;
mod netlink;
pub mod nft;
pub mod operator;
pub mod priority;
pub mod private;
pub mod publication;
pub mod refusals;
mod regular;
pub mod release;
pub mod release_shelf;
pub mod seal_key;
pub mod sealing;
pub mod segments;
pub mod selftest;
pub mod shown;
pub mod sockets;
pub mod space;
pub mod succession;
pub mod supervisor;
pub mod terminal;
pub mod ubus;
pub mod updates;
pub mod upstreams;
pub mod vault;
