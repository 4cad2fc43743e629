//! What many records say alike, kept once: a million keys name few organizations, APIs and sets of scopes, and
//! without copies of them a remembered key occupies 377 bytes (`benches/recall.rs`).

use std::{
    collections::HashSet,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    domain::{ApiName, Environment, OrganizationId, PlanName, ScopeSet},
    store::kept::allocated,
};

/// What one pool may occupy, in bytes: enough for some 20,000 organizations.
const POOL_BYTES_MAX: usize = 2 << 20;

/// What records say alike, by its type.
#[derive(Debug, Default)]
pub struct Alike {
    pub(in crate::store) organizations: Pool<OrganizationId>,
    pub(in crate::store) apis: Pool<Arc<[ApiName]>>,
    pub(in crate::store) scopes: Pool<ScopeSet>,
    pub(in crate::store) environments: Pool<Environment>,
    pub(in crate::store) plans: Pool<PlanName>,
}

/// Values of one type, whose clones share their content. What is in it stays in it, so that whatever shares it
/// need not count it; when it is full, what is new is not shared, and counts where it is.
#[derive(Debug)]
pub(in crate::store) struct Pool<T>(Mutex<Content<T>>);

#[derive(Debug)]
struct Content<T> {
    values: HashSet<T>,
    bytes: usize,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(Content { values: HashSet::new(), bytes: 0 }))
    }
}

impl<T: Clone + Eq + Hash> Pool<T> {
    /// Puts the value that is equal to it and shared by all in the place of `value`, which occupies so many bytes
    /// beside itself. Returns how many of these it occupies from now on: none, or all if there is no room to share.
    pub(in crate::store) fn share(&self, value: &mut T, bytes: usize) -> usize {
        // Whoever panicked with the lock had nothing half done.
        let mut content = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = content.values.get(value) {
            *value = known.clone();
            return 0;
        }
        // A hash set has up to twice as many places as values.
        let needed = bytes + 2 * allocated(size_of::<T>());
        if content.bytes + needed > POOL_BYTES_MAX {
            return bytes;
        }
        content.bytes += needed;
        content.values.insert(value.clone());
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> OrganizationId {
        format!("organization_{number}").parse().expect("an id")
    }

    #[test]
    fn equal_values_are_one_and_count_once() {
        let pool = Pool::default();
        let (mut first, mut second) = (id(1), id(1));
        assert_eq!([pool.share(&mut first, 32), pool.share(&mut second, 32)], [0, 0]);
        assert_eq!(first.as_str().as_ptr(), second.as_str().as_ptr());
    }

    #[test]
    fn what_finds_no_room_counts_where_it_is() {
        let pool = Pool::default();
        let counted = (0..100_000).filter(|number| pool.share(&mut id(*number), 48) == 48).count();
        assert!((50_000..99_000).contains(&counted), "{counted}");
        assert_eq!(pool.share(&mut id(0), 48), 0, "the first are shared still");
    }
}
