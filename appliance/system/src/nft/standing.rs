//! What stands in the kernel, without what changes by itself.

use std::collections::BTreeMap;

use firewall::Ruleset;
use model::Mac;
use serde_json::Value;

use super::Counts;

/// A table as nft lists it, without handles, counts and what rules put into sets: two are equal when they do the same to
/// every packet.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    objects: Vec<Value>,
    /// The packets that sets count, by their names.
    counts: BTreeMap<String, Counts>,
}

impl PartialEq for Standing {
    fn eq(&self, other: &Self) -> bool {
        self.objects == other.objects
    }
}

/// The chain that a table has for the services of its school.
const SERVICES_CHAIN: &str = "services";

impl Standing {
    /// Reads the JSON that nft writes.
    pub(super) fn parse(listing: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(serde::Deserialize)]
        struct Listing {
            nftables: Vec<Value>,
        }
        let mut objects = serde_json::from_slice::<Listing>(listing)?.nftables;
        objects.retain(|object| object.get("metainfo").is_none());
        let counts = objects.iter().filter_map(|object| read_counts(object.get("set")?)).collect();
        objects.iter_mut().for_each(forget_counts);
        objects.iter_mut().filter_map(|object| object.get_mut("set")?.as_object_mut()).for_each(|set| {
            set.remove("elem");
        });
        Ok(Self { objects, counts })
    }

    /// What a set counts.
    pub(super) fn counts(&self, set: &str) -> &Counts {
        const NONE: &Counts = &Counts::new();
        self.counts.get(set).unwrap_or(NONE)
    }

    /// Whether it lets services through.
    pub(super) fn has_services(&self) -> bool {
        self.rules_by_chain().contains_key(SERVICES_CHAIN)
    }

    /// Whether this is `ruleset`: its mark is there, and each of its chains with as many rules, and no other.
    pub(super) fn carries(&self, ruleset: &Ruleset) -> bool {
        let intended: BTreeMap<&str, usize> = ruleset.chains().collect();
        let is_marked = self.rules().any(|rule| text(rule, "comment") == Some(ruleset.mark()));
        is_marked && self.rules_by_chain() == intended
    }

    fn rules_by_chain(&self) -> BTreeMap<&str, usize> {
        let chains = self.objects.iter().filter_map(|object| text(object.get("chain")?, "name"));
        let mut rules: BTreeMap<&str, usize> = chains.map(|chain| (chain, 0)).collect();
        for chain in self.rules().filter_map(|rule| text(rule, "chain")) {
            *rules.entry(chain).or_default() += 1;
        }
        rules
    }

    fn rules(&self) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter_map(|object| object.get("rule"))
    }
}

/// The name of a set, and how many packets it counts for each hardware address in it.
fn read_counts(set: &Value) -> Option<(String, Counts)> {
    let elements = set.get("elem")?.as_array()?.iter().filter_map(|element| {
        let element = element.get("elem")?;
        let sender: Mac = text(element, "val")?.parse().ok()?;
        Some((sender, element.get("counter")?.get("packets")?.as_u64()?))
    });
    Some((text(set, "name")?.to_owned(), elements.collect()))
}

fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

/// Removes what differs between two listings of one table: handles, and the counts of counters.
fn forget_counts(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !["handle", "packets", "bytes"].contains(&key.as_str()));
            fields.values_mut().for_each(forget_counts);
        }
        Value::Array(values) => values.iter_mut().for_each(forget_counts),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(handle: u32, packets: u32, verdict: &str) -> Standing {
        let text = format!(
            r#"{{"nftables": [{{"metainfo": {{"version": "1.0.6"}}}},
                {{"table": {{"family": "inet", "name": "preau", "handle": {handle}}}}},
                {{"chain": {{"name": "input", "handle": {handle}, "policy": "drop"}}}},
                {{"rule": {{"chain": "input", "handle": {handle}, "comment": "a", "expr": [
                    {{"counter": {{"packets": {packets}, "bytes": {packets}}}}}, {{"{verdict}": null}}]}}}}]}}"#
        );
        Standing::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn counts_and_handles_do_not_tell_tables_apart_but_verdicts_do() {
        assert_eq!(listing(1, 0, "drop"), listing(2, 7, "drop"));
        assert_ne!(listing(1, 0, "drop"), listing(1, 0, "accept"));
        assert_eq!(listing(1, 0, "drop").rules_by_chain(), BTreeMap::from([("input", 1)]));
    }

    /// As nft 1.0.6 lists a set that rules filled.
    #[test]
    fn what_rules_note_is_counted_and_changes_no_table() {
        let table = |elements: &str| {
            let text = format!(
                r#"{{"nftables": [{{"set": {{"family": "inet", "name": "unnoted", "table": "preau",
                    "type": "ether_addr", "handle": 5, "size": 4096, "flags": ["timeout"]{elements}}}}}]}}"#
            );
            Standing::parse(text.as_bytes()).unwrap()
        };
        let full = table(
            r#", "elem": [{"elem": {"val": "02:00:00:00:00:11", "timeout": 600, "expires": 598,
                "counter": {"packets": 7, "bytes": 420}}}, {"elem": {"val": "02:00:00:00:00:12", "timeout": 600}},
                "icmp"]"#,
        );
        assert_eq!(full, table(""));
        assert_eq!(full.counts("unnoted"), &Counts::from([("02:00:00:00:00:11".parse().unwrap(), 7)]));
        assert!(full.counts("hasty").is_empty() && table("").counts("unnoted").is_empty());
    }

    #[test]
    fn what_nft_never_writes_is_an_error() {
        for text in ["", "[]", "{}", r#"{"nftables": 1}"#] {
            assert!(Standing::parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
