//! What the commune's hub has a box do with files for pupils, beside the files themselves: those lie in a folder of their own.

use model::{CommuneOrderKind, Timestamp};

use crate::letters::keep_order;
use crate::{Store, StoreError};

impl Store {
    /// Writes down what the hub had the box do, all of it or nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_commune_orders(
        &mut self,
        orders: &[(CommuneOrderKind, String)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(|transaction| {
            orders.iter().try_for_each(|(kind, about)| keep_order(transaction, now, *kind, about))?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_hub_had_done_stands_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let at = Timestamp::from_unix_ms(1_795_392_000_000);
        let orders = [
            (CommuneOrderKind::Prepare, "Le volcan".to_owned()),
            (CommuneOrderKind::Unprepare, "La carte".to_owned()),
        ];
        store.note_commune_orders(&[], at).unwrap();
        store.note_commune_orders(&orders, at).unwrap();
        let kept = store.commune_orders(9).unwrap();
        let kept: Vec<_> = kept.iter().rev().map(|order| (order.kind, order.about.clone())).collect();
        assert_eq!(kept, orders);
    }
}
