//! How messages of the admin API are written as JSON, and read from it: enumerations are their codes (`api_key`, `active`),
//! times are RFC 3339, spans are seconds (`3600s`), masks are names with commas between, and what is absent is left out.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

use crate::domain::Timestamp;

use super::proto::{import_keys_request, key, organization, secret, session};

/// A moment as messages hold it.
pub(crate) fn wire(moment: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: moment.as_second(), nanos: moment.subsec_nanosecond() }
}

/// A moment that a message holds, if calendars reach it.
pub(crate) fn moment(wire: prost_types::Timestamp) -> Option<Timestamp> {
    Timestamp::new(wire.seconds, wire.nanos).ok()
}

/// Moments.
pub(crate) mod time {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Timestamp, wire};
    use serde::ser::Error as _;

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(
        moment: &Option<prost_types::Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let moment = moment.map(|moment| Timestamp::new(moment.seconds, moment.nanos));
        moment.transpose().map_err(S::Error::custom)?.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<prost_types::Timestamp>, D::Error> {
        Ok(Option::<Timestamp>::deserialize(deserializer)?.map(wire))
    }
}

/// Spans of time.
pub(crate) mod span {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(
        span: &Option<prost_types::Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        span.as_ref().map(ToString::to_string).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<prost_types::Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let read =
            |text: String| text.parse().map_err(|_| D::Error::custom("expected seconds, such as `3600s`"));
        text.map(read).transpose()
    }
}

/// Which fields are meant.
pub(crate) mod mask {
    use prost_types::FieldMask;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(
        mask: &Option<FieldMask>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        mask.as_ref().map(|mask| mask.paths.join(",")).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<FieldMask>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let read =
            |text: String| FieldMask { paths: text.split(',').map(|name| name.trim().to_owned()).collect() };
        Ok(text.map(read))
    }
}

/// An enumeration of the messages.
pub(crate) trait Coded: Copy + TryFrom<i32> + Into<i32> + Default + 'static {
    /// The names of all values but the first, which says that nothing was said.
    const NAMES: &'static [Self];
    /// What all names begin with.
    const PREFIX: &'static str;

    /// The name in the definition.
    fn name(self) -> &'static str;

    /// The name without the prefix that all of them have.
    fn code(self) -> String {
        self.name().trim_start_matches(Self::PREFIX).to_ascii_lowercase()
    }
}

macro_rules! coded {
    ($($kind:path, $prefix:literal: $($value:ident),+;)+) => {$(
        impl Coded for $kind {
            const NAMES: &'static [Self] = &[$(Self::$value),+];
            const PREFIX: &'static str = $prefix;

            fn name(self) -> &'static str {
                self.as_str_name()
            }
        }
    )+};
}

coded! {
    key::Kind, "KIND_": ApiKey, ServiceKey;
    key::Status, "STATUS_": Active, Expired, Revoked;
    organization::Status, "STATUS_": Active, Suspended;
    secret::Status, "STATUS_": Active, Expired, Revoked;
    session::Status, "STATUS_": Active, Expired, Idle, Ended;
    import_keys_request::Format, "FORMAT_": JsonLines, Csv;
}

/// Codes of an enumeration.
pub(crate) struct Code<E>(E);

impl<E: Coded> Code<E> {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(number: &i32, serializer: S) -> Result<S::Ok, S::Error> {
        let value = E::try_from(*number).map_err(|_| S::Error::custom("a value that nobody knows"))?;
        value.code().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
        let code = String::deserialize(deserializer)?;
        let value = E::NAMES.iter().find(|value| value.code() == code);
        value.map(|value| (*value).into()).ok_or_else(|| {
            let codes: Vec<String> = E::NAMES.iter().map(|value| format!("`{}`", value.code())).collect();
            D::Error::custom(format!("expected one of {}", codes.join(", ")))
        })
    }
}
