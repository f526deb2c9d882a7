//! The pages of a column: none makes the library take more room than the rows of a group may need.
//!
//! A forged page says in its header how many values its dictionary has, and the library makes room for all of them before it
//! reads the first.

use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

use super::GROUP_ROWS_MAX;

/// The pages of a column, as they come.
pub(super) struct Pages(Box<dyn PageReader>);

impl Pages {
    pub(super) fn new(pages: Box<dyn PageReader>) -> Self {
        Self(pages)
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        check(self.0.get_next_page()?)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.0.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        check(self.0.take_deferred_dictionary()?)
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.0.at_record_boundary()
    }
}

/// No dictionary has more values than a group has rows.
fn check(page: Option<Page>) -> Result<Option<Page>> {
    if let Some(Page::DictionaryPage { num_values, .. }) = &page
        && usize::try_from(*num_values).map_or(true, |values| values > GROUP_ROWS_MAX)
    {
        return Err(ParquetError::General("a dictionary has more values than there are rows".to_owned()));
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::basic::Encoding;

    use super::*;

    /// A column of one page, which comes first or after it was skipped.
    struct One(Option<Page>);

    impl Iterator for One {
        type Item = Result<Page>;

        fn next(&mut self) -> Option<Self::Item> {
            self.0.take().map(Ok)
        }
    }

    impl PageReader for One {
        fn get_next_page(&mut self) -> Result<Option<Page>> {
            Ok(self.0.take())
        }

        fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
            Ok(None)
        }

        fn skip_next_page(&mut self) -> Result<()> {
            Ok(())
        }

        fn supports_deferred_dictionary(&self) -> bool {
            true
        }

        fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
            Ok(self.0.take())
        }
    }

    #[test]
    fn a_dictionary_is_no_longer_than_a_group() {
        let check = |num_values: u32, expected: bool| {
            let page = || {
                let (buf, encoding) = (Bytes::new(), Encoding::PLAIN);
                let page = Page::DictionaryPage { buf, num_values, encoding, is_sorted: false };
                Pages::new(Box::new(One(Some(page))))
            };
            assert_eq!(page().get_next_page().is_ok(), expected, "{num_values}");
            assert_eq!(page().take_deferred_dictionary().is_ok(), expected, "{num_values}, skipped");
            assert!(page().supports_deferred_dictionary());
        };
        let most = u32::try_from(GROUP_ROWS_MAX).unwrap();
        check(most, true);
        check(most + 1, false);
        check(u32::MAX, false);
    }
}
