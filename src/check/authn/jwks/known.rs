//! What is known of an issuer's keys, and what follows from it at a given time. Nothing here waits or asks a clock.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    check::authn::jwt::KeyFault,
    config::{Algorithm, KeyTiming},
};

use super::{Key, KeySet};

/// What is known of an issuer's keys, and since when.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The last good set, and when it came.
    held: Option<(Arc<KeySet>, Instant)>,
    /// How the last fetch ended, and when.
    last: Option<(Result<(), Arc<str>>, Instant)>,
    /// How many fetches have ended.
    pub(super) ended: u64,
}

/// What is known of a key.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// This is it.
    Key(Arc<Key>),
    /// There is none.
    Fault(KeyFault),
    /// It cannot be known for now.
    Outage(Arc<str>),
    /// The fetch of this number may tell.
    Fetch(u64),
}

impl Known {
    /// Notes how a fetch ended. A set that cannot be used changes nothing of the one that is held.
    pub(super) fn note(&mut self, fetched: Result<Arc<KeySet>, Arc<str>>, now: Instant) {
        self.ended += 1;
        self.last = Some((fetched.as_ref().map(|_| ()).map_err(Arc::clone), now));
        if let Ok(set) = fetched {
            self.held = Some((set, now));
        }
    }

    /// The set in force: the last good one, unless it is too old.
    fn in_force(&self, timing: &KeyTiming, now: Instant) -> Option<&Arc<KeySet>> {
        self.held.as_ref().filter(|(_, came)| now - *came <= timing.stale).map(|(set, _)| set)
    }

    /// The key with this id for this algorithm.
    ///
    /// An id that is unknown is a fault only while the set is fresh, that is, as long as another fetch would come
    /// too early; otherwise a fetch has to tell. After one that failed nobody knows.
    pub(super) fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        timing: &KeyTiming,
        now: Instant,
    ) -> Answer {
        let unknown = match self.in_force(timing, now).map(|set| set.find(id, algorithm)) {
            Some(Ok(key)) => return Answer::Key(Arc::clone(key)),
            Some(Err(KeyFault::Unknown)) => Some(KeyFault::Unknown),
            Some(Err(fault)) => return Answer::Fault(fault),
            None => None,
        };
        match (&self.last, unknown) {
            (Some((Ok(()), ended)), Some(fault)) if now < *ended + timing.refetch => Answer::Fault(fault),
            (Some((Err(cause), ended)), _) if now < *ended + timing.refetch => {
                Answer::Outage(Arc::clone(cause))
            }
            _ => Answer::Fetch(self.ended + 1),
        }
    }

    /// What is wrong with an id that only a fetch could tell, as long as that lasts: an issuer that was well last time
    /// does not have it. Otherwise whoever invents ids would make an outage whenever they like.
    pub(super) fn fault_meanwhile(&self, timing: &KeyTiming, now: Instant) -> Option<KeyFault> {
        let was_well = matches!(self.last, Some((Ok(()), _)));
        (was_well && self.in_force(timing, now).is_some()).then_some(KeyFault::Unknown)
    }

    /// When the next fetch may begin if somebody waits for it, and when it begins anyway.
    pub(super) fn next(&self, timing: &KeyTiming, now: Instant) -> (Instant, Instant) {
        match &self.last {
            None => (now, now),
            Some((Ok(()), ended)) => (*ended + timing.refetch, *ended + timing.refetch.max(timing.refresh)),
            Some((Err(_), ended)) => (*ended + timing.refetch, *ended + timing.refetch),
        }
    }

    /// How old the set that is held is, in seconds.
    pub(super) fn age_s(&self, now: Instant) -> Option<f64> {
        self.held.as_ref().map(|(_, came)| (now - *came).as_secs_f64())
    }

    /// The set that is held, and why the last fetch failed if it did.
    pub(super) fn state(&self) -> (Option<&Arc<KeySet>>, Option<&str>) {
        let cause = self.last.as_ref().and_then(|(outcome, _)| outcome.as_ref().err());
        (self.held.as_ref().map(|(set, _)| set), cause.map(|cause| &**cause))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::check::authn::jwks::fixture::set;

    use super::*;

    const TIMING: KeyTiming = KeyTiming {
        refresh: Duration::from_mins(5),
        refetch: Duration::from_secs(10),
        stale: Duration::from_hours(1),
    };

    /// A source that is told what its fetches brought, at times counted in seconds.
    struct Told {
        known: Known,
        began: Instant,
    }

    impl Told {
        fn new() -> Self {
            Self { known: Known::default(), began: Instant::now() }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.began + Duration::from_secs(seconds)
        }

        /// A fetch ended at this time with these keys, or failed.
        fn fetched(&mut self, seconds: u64, ids: Option<&[&str]>) {
            let fetched = ids.map(|ids| Arc::new(set(ids))).ok_or_else(|| "no answer".into());
            self.known.note(fetched, self.at(seconds));
        }

        /// What is known at this time of the key with this id.
        fn find(&self, seconds: u64, id: &str) -> String {
            match self.known.find(Some(id), Algorithm::ES256, &TIMING, self.at(seconds)) {
                Answer::Key(key) => key.id.clone().expect("an id"),
                Answer::Fault(fault) => format!("{fault:?}"),
                Answer::Outage(cause) => cause.to_string(),
                Answer::Fetch(number) => format!("fetch {number}"),
            }
        }

        fn next(&self) -> (u64, u64) {
            let (earliest, latest) = self.known.next(&TIMING, self.began);
            ((earliest - self.began).as_secs(), (latest - self.began).as_secs())
        }
    }

    #[test]
    fn before_the_first_fetch_everything_waits_for_it() {
        let told = Told::new();
        assert_eq!(told.find(0, "a"), "fetch 1");
        assert_eq!(told.known.fault_meanwhile(&TIMING, told.at(0)), None);
        assert_eq!(told.next(), (0, 0));
    }

    #[test]
    fn an_unknown_id_is_a_fault_while_the_set_is_fresh_and_a_reason_to_fetch_afterwards() {
        let mut told = Told::new();
        told.fetched(0, Some(&["a"]));
        assert_eq!([told.find(0, "a"), told.find(9, "b")], ["a", "Unknown"]);
        assert_eq!([told.find(10, "a"), told.find(10, "b")], ["a", "fetch 2"]);
        assert_eq!(told.known.fault_meanwhile(&TIMING, told.at(10)), Some(KeyFault::Unknown));
        assert_eq!(told.next(), (10, 300));
        told.fetched(11, Some(&["b"]));
        assert_eq!([told.find(11, "a"), told.find(11, "b")], ["Unknown", "b"]);
        assert_eq!(told.next(), (21, 311));
    }

    #[test]
    fn in_an_outage_known_keys_serve_until_they_are_stale_and_unknown_ones_are_an_outage() {
        let mut told = Told::new();
        told.fetched(0, Some(&["a"]));
        for failed in (300..4000).step_by(10) {
            told.fetched(failed, None);
            let expected = if failed <= 3600 { "a" } else { "no answer" };
            assert_eq!([told.find(failed, "a"), told.find(failed + 9, "b")], [expected, "no answer"]);
            assert_eq!(told.known.fault_meanwhile(&TIMING, told.at(failed + 10)), None);
            assert_eq!(told.next(), (failed + 10, failed + 10));
        }
        told.fetched(5000, Some(&["b"]));
        assert_eq!([told.find(5000, "a"), told.find(5000, "b")], ["Unknown", "b"]);
    }

    #[test]
    fn whoever_never_had_a_set_knows_nothing() {
        let mut told = Told::new();
        told.fetched(0, None);
        assert_eq!(
            [told.find(0, "a"), told.find(9, "a"), told.find(10, "a")],
            ["no answer", "no answer", "fetch 2"]
        );
    }

    #[test]
    fn a_key_for_another_algorithm_is_no_reason_to_fetch() {
        let mut told = Told::new();
        told.fetched(0, Some(&["a"]));
        let answer = told.known.find(Some("a"), Algorithm::RS256, &TIMING, told.at(20));
        assert!(
            matches!(answer, Answer::Fault(KeyFault::AlgorithmOfAnother(Algorithm::RS256))),
            "{answer:?}"
        );
    }
}
