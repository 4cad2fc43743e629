//! Quotas: how many requests there may be in how long a time.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

/// The largest limit of a quota.
pub const QUOTA_LIMIT_MAX: u32 = 1_000_000_000;

/// A limit per period, written `100/minute`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    /// How much of it.
    pub limit: NonZeroU32,
    /// In how long a time.
    pub period: Period,
}

/// The length of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day of 24 hours.
    Day,
}

impl Period {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// How long it is.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        })
    }
}

/// How the windows of a quota lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum WindowKind {
    /// Every stretch of time of the period's length is a window: the limit holds in each of them.
    #[default]
    Sliding,
    /// Windows follow each other, aligned to the clock: around a border twice the limit can pass.
    Fixed,
}

/// Why a text is no quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a quota such as `100/minute`: a whole number from 1 to {QUOTA_LIMIT_MAX}, and second, minute, hour or day"
)]
pub struct QuotaError;

impl FromStr for Quota {
    type Err = QuotaError;

    fn from_str(text: &str) -> Result<Self, QuotaError> {
        let (limit, period) = text.split_once('/').ok_or(QuotaError)?;
        let is_plain = limit.bytes().all(|byte| byte.is_ascii_digit()) && !limit.starts_with('0');
        let limit: NonZeroU32 = limit.parse().map_err(|_| QuotaError)?;
        if !is_plain || limit.get() > QUOTA_LIMIT_MAX {
            return Err(QuotaError);
        }
        let period = Period::ALL.into_iter().find(|known| known.name() == period).ok_or(QuotaError)?;
        Ok(Self { limit, period })
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, self.period.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_limit_and_a_period() {
        for text in ["1/second", "100/minute", "1000/hour", "1000000000/day"] {
            assert_eq!(text.parse::<Quota>().map(|quota| quota.to_string()), Ok(text.to_owned()));
        }
        let bad = [
            "",
            "/",
            "100",
            "0/minute",
            "-1/minute",
            "+1/minute",
            "01/minute",
            "1.5/minute",
            "100/week",
            "100/Minute",
            "100 / minute",
            "100/minute ",
            "1000000001/day",
            "99999999999/day",
        ];
        for text in bad {
            assert!(text.parse::<Quota>().is_err(), "{text}");
        }
    }
}
