//! What stands in the kernel, without what changes by itself.

use std::collections::BTreeMap;

use firewall::Ruleset;
use serde_json::Value;

/// A table as nft lists it, without handles and counts: two are equal when they do the same to every packet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    objects: Vec<Value>,
}

impl Standing {
    /// Reads the JSON that nft writes.
    pub(super) fn parse(listing: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(serde::Deserialize)]
        struct Listing {
            nftables: Vec<Value>,
        }
        let mut objects = serde_json::from_slice::<Listing>(listing)?.nftables;
        objects.retain(|object| object.get("metainfo").is_none());
        objects.iter_mut().for_each(forget_counts);
        Ok(Self { objects })
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

    #[test]
    fn what_nft_never_writes_is_an_error() {
        for text in ["", "[]", "{}", r#"{"nftables": 1}"#] {
            assert!(Standing::parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
