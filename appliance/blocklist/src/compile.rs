//! From a read list to an index.

use std::collections::{BTreeMap, HashMap};

use model::Category;

use crate::catalog::{Catalog, CategoryFacts, SetTable, SpellingsWriter, Value, write_address};
use crate::changes::Table;
use crate::compiler::{BuildError, CategoryDraft, Compiled, Draft};
use crate::format;
use crate::keys::{Keys, Merged};
use crate::names::NamesWriter;
use crate::report::{Event, Oddity};
use crate::set::{CategoryId, CategorySet};
use crate::symbols::SAMPLE_NAMES;

/// Compiles a list. The same list gives the same bytes, in whatever order its files came.
pub(crate) fn compile(mut draft: Draft, report: &mut dyn FnMut(Event<'_>)) -> Result<Compiled, BuildError> {
    let ranks = rank_categories(&draft);
    let mut sets = SetCounter::default();
    let mut removed = Vec::new();
    let domains =
        draft.domains.merge(&ranks, |set| sets.number(set), |of| removed.push((Table::Domains, of)))?;
    let addresses =
        draft.addresses.merge(&ranks, |set| sets.number(set), |of| removed.push((Table::Addresses, of)))?;
    let urls = draft.urls.merge(&ranks, |set| sets.number(set), |of| removed.push((Table::Urls, of)))?;
    draft.subtract(&removed);
    let catalog = make_catalog(&draft, report);
    if domains.is_empty() && addresses.is_empty() && urls.is_empty() {
        return Err(BuildError::Empty);
    }
    let (sets, numbers) = sets.order_by_frequency();
    let mut values = Values { numbers, spellings: SpellingsWriter::default() };
    let [directory, names] = write_names(&draft.domains, &domains, &mut values)?;
    let address_table = write_addresses(&draft.addresses, &addresses, &mut values)?;
    let url_automaton = write_automaton(&draft.urls, &urls, &mut values)?;
    let bytes = format::write(&[
        catalog.write(),
        sets.write(),
        directory,
        names,
        address_table,
        url_automaton,
        values.spellings.write(),
    ]);
    let mut summary = draft.summary;
    summary.domains = domains.len();
    summary.addresses = addresses.len();
    summary.urls = urls.len();
    summary.categories = catalog.names.len();
    summary.aliases = catalog.facts.iter().map(|facts| facts.aliases.len()).sum();
    summary.bytes = bytes.len();
    Ok(Compiled { bytes, summary })
}

/// The categories in alphabetical order, each with the aliases that lead to it.
fn make_catalog(draft: &Draft, report: &mut dyn FnMut(Event<'_>)) -> Catalog {
    let mut aliases = BTreeMap::<&Category, Vec<Category>>::new();
    for alias in draft.aliases.keys() {
        match resolve_alias(draft, alias) {
            Ok(category) => aliases.entry(category).or_default().push(alias.clone()),
            Err(oddity) => report(Event::Odd { path: alias.as_str(), oddity }),
        }
    }
    let facts_of = |(category, draft): (&Category, &CategoryDraft)| CategoryFacts {
        colour: draft.colour,
        counts: draft.counts,
        aliases: aliases.get(category).cloned().unwrap_or_default(),
    };
    Catalog {
        names: draft.categories.keys().cloned().collect(),
        facts: draft.categories.iter().map(facts_of).collect(),
    }
}

/// Follows symbolic links from alias to alias to a category.
fn resolve_alias<'d>(draft: &'d Draft, alias: &Category) -> Result<&'d Category, Oddity> {
    if draft.categories.contains_key(alias) {
        return Err(Oddity::HiddenAlias);
    }
    let mut name = alias.clone();
    for _ in 0..=draft.aliases.len() {
        if let Some((category, _)) = draft.categories.get_key_value(&name) {
            return Ok(category);
        }
        let target = draft.aliases.get(&name).ok_or(Oddity::DanglingAlias)?;
        name = sibling_of(target).and_then(|name| name.parse().ok()).ok_or(Oddity::DanglingAlias)?;
    }
    Err(Oddity::CircularAlias)
}

/// The name of the folder beside it that a link points to.
fn sibling_of(target: &str) -> Option<&str> {
    let target = target.trim_end_matches('/');
    match target.rsplit_once('/') {
        None | Some((".", _)) | Some(("../blacklists", _)) => target.rsplit('/').next(),
        Some(_) => None,
    }
}

/// The place in the alphabetical order of each category, in the order in which they were met.
fn rank_categories(draft: &Draft) -> Vec<CategoryId> {
    let mut ranked: Vec<_> = draft.categories.values().enumerate().collect();
    ranked.sort_by_key(|(_, category)| category.number);
    ranked.into_iter().filter_map(|(rank, _)| CategoryId::new(rank)).collect()
}

/// Numbers sets of categories in the order in which they are met.
#[derive(Default)]
struct SetCounter {
    numbers: HashMap<CategorySet, u16>,
    counts: Vec<(CategorySet, u64)>,
}

impl SetCounter {
    fn number(&mut self, set: CategorySet) -> Result<u16, BuildError> {
        let number = match self.numbers.get(&set) {
            Some(&number) => number,
            None => {
                let number = u16::try_from(self.counts.len()).map_err(|_| BuildError::TooLarge)?;
                self.numbers.insert(set, number);
                self.counts.push((set, 0));
                number
            }
        };
        if let Some((_, count)) = self.counts.get_mut(usize::from(number)) {
            *count += 1;
        }
        Ok(number)
    }

    /// The sets with the most frequent first, and the new number of each old one: small numbers take no room.
    fn order_by_frequency(self) -> (SetTable, Vec<u16>) {
        let mut order: Vec<_> = self.counts.into_iter().zip(0_u16..).collect();
        order.sort_by_key(|((set, count), _)| (std::cmp::Reverse(*count), set.bits()));
        let mut numbers = vec![0; order.len()];
        for ((_, old), new) in order.iter().zip(0_u16..) {
            if let Some(number) = numbers.get_mut(usize::from(*old)) {
                *number = new;
            }
        }
        (SetTable::new(order.into_iter().map(|((set, _), _)| set).collect()), numbers)
    }
}

/// Gives lines their values.
struct Values {
    numbers: Vec<u16>,
    spellings: SpellingsWriter,
}

impl Values {
    fn value_of(&mut self, merged: Merged, spelling: &[u8]) -> Result<Value, BuildError> {
        let set = self.numbers.get(usize::from(merged.set)).copied().ok_or(BuildError::TooLarge)?;
        Ok(Value { set, spelling: self.spellings.add(spelling).ok_or(BuildError::TooLarge)? })
    }
}

fn write_names(keys: &Keys, merged: &[Merged], values: &mut Values) -> Result<[Vec<u8>; 2], BuildError> {
    let sample = merged.iter().step_by(merged.len() / SAMPLE_NAMES + 1);
    let sample: Vec<_> = sample.filter_map(|merged| Some(keys.line(merged.place)?.key)).collect();
    let mut writer = NamesWriter::new(&sample);
    for &merged in merged {
        let Some(line) = keys.line(merged.place) else { continue };
        writer.add(line.key, values.value_of(merged, line.spelling)?)?;
    }
    writer.finish()
}

fn write_automaton(keys: &Keys, merged: &[Merged], values: &mut Values) -> Result<Vec<u8>, BuildError> {
    let mut builder = fst::raw::Builder::memory();
    for &merged in merged {
        let Some(line) = keys.line(merged.place) else { continue };
        let value = values.value_of(merged, line.spelling)?;
        // The keys are sorted and the writer is memory: nothing else can go wrong.
        builder.insert(line.key, value.to_number()).map_err(|_| BuildError::TooLarge)?;
    }
    builder.into_inner().map_err(|_| BuildError::TooLarge)
}

fn write_addresses(keys: &Keys, merged: &[Merged], values: &mut Values) -> Result<Vec<u8>, BuildError> {
    let mut section = Vec::new();
    for &merged in merged {
        let Some(line) = keys.line(merged.place) else { continue };
        write_address(&mut section, line.key, values.value_of(merged, line.spelling)?);
    }
    Ok(section)
}
