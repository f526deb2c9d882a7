//! The operating system: files, clock, neighbours, nftables.
