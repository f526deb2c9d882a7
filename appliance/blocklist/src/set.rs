//! Sets of categories.

/// Most categories that an index can hold: UT1 has 66; the room left is for local lists.
pub const CATEGORIES_MAX: usize = 128;

/// A category's rank in the alphabetical order of the index's categories; below [`CATEGORIES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CategoryId(u8);

impl CategoryId {
    /// The id of the category at `rank`; `None` from [`CATEGORIES_MAX`] on.
    #[must_use]
    pub fn new(rank: usize) -> Option<Self> {
        u8::try_from(rank).ok().filter(|_| rank < CATEGORIES_MAX).map(Self)
    }

    /// The rank in alphabetical order.
    #[must_use]
    pub fn rank(self) -> usize {
        usize::from(self.0)
    }
}

/// The categories in which one list line stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CategorySet(u128);

impl CategorySet {
    /// The set as a bit mask: bit `n` stands for the category of rank `n`.
    #[must_use]
    pub fn bits(self) -> u128 {
        self.0
    }

    /// The set of a bit mask.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Adds a category.
    pub fn insert(&mut self, id: CategoryId) {
        self.0 |= 1 << id.0;
    }

    /// The categories that stand in both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is no category in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The first category in alphabetical order.
    #[must_use]
    pub fn first(self) -> Option<CategoryId> {
        self.iter().next()
    }

    /// Every category, in alphabetical order.
    pub fn iter(self) -> impl Iterator<Item = CategoryId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let rank = u8::try_from(rest.trailing_zeros()).ok().filter(|_| rest != 0)?;
            rest &= rest - 1;
            Some(CategoryId(rank))
        })
    }
}

impl FromIterator<CategoryId> for CategorySet {
    fn from_iter<I: IntoIterator<Item = CategoryId>>(ids: I) -> Self {
        let mut set = Self::default();
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}
