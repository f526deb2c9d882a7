//! The intended firewall, compiled to one nftables ruleset.
