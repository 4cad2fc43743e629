//! What makes a case invalid, done to a token of one's own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::signing::PrivateKey;

/// A token in its three parts.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) header: String,
    pub(crate) payload: String,
    pub(crate) signature: String,
}

impl Parts {
    pub(crate) fn of(token: &str) -> Option<Self> {
        match token.split('.').collect::<Vec<_>>().as_slice() {
            [header, payload, signature] => Some(Self {
                header: (*header).to_owned(),
                payload: (*payload).to_owned(),
                signature: (*signature).to_owned(),
            }),
            _ => None,
        }
    }

    /// These claims under this header, signed by the algorithm of this name.
    pub(crate) fn signed(header: &str, payload: &str, key: &PrivateKey, algorithm: &str) -> Option<Self> {
        let signature = key.sign(algorithm, format!("{header}.{payload}").as_bytes())?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Some(Self { header: header.to_owned(), payload: payload.to_owned(), signature })
    }

    pub(crate) fn join(&self) -> String {
        [&*self.header, &self.payload, &self.signature].join(".")
    }
}

/// Does to `ours` what was done to `valid` to make `invalid`. Where what is signed was changed and signed again, `key`
/// signs ours again, too.
pub(crate) fn transplant(
    valid: &Parts,
    invalid: &str,
    ours: &Parts,
    key: &PrivateKey,
    algorithm: &str,
) -> String {
    let Some(edited) = Parts::of(invalid) else {
        // Parts are missing, or there are more of them.
        let own = |part: &str| {
            let pairs = [
                (&valid.header, &ours.header),
                (&valid.payload, &ours.payload),
                (&valid.signature, &ours.signature),
            ];
            let found = pairs.iter().find(|(theirs, _)| *theirs == part);
            found.map_or_else(|| part.to_owned(), |(_, own)| (*own).clone())
        };
        return invalid.split('.').map(own).collect::<Vec<_>>().join(".");
    };
    let header = edit(&valid.header, &edited.header, &ours.header);
    let payload = edit(&valid.payload, &edited.payload, &ours.payload);
    let is_changed = header != ours.header || payload != ours.payload;
    if is_changed && edited.signature != valid.signature && !edited.signature.is_empty() {
        let signed = Parts::signed(&header, &payload, key, algorithm);
        return signed.expect("it can be signed again").join();
    }
    let signature = edit(&valid.signature, &edited.signature, &ours.signature);
    Parts { header, payload, signature }.join()
}

/// The edit of one part: what was put before or after it or cut off, as text or as bytes; single characters that were
/// changed; or else the part as it became.
fn edit(valid: &str, edited: &str, ours: &str) -> String {
    if valid == edited {
        return ours.to_owned();
    }
    if edited.is_empty() {
        return String::new();
    }
    if let Some(before) = edited.strip_suffix(valid) {
        return format!("{before}{ours}");
    }
    if let Some(after) = edited.strip_prefix(valid) {
        return format!("{ours}{after}");
    }
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let (valid_bytes, edited_bytes, bytes) = (decode(valid), decode(edited), decode(ours));
    if let Some(before) = edited_bytes.strip_suffix(valid_bytes.as_slice()) {
        return URL_SAFE_NO_PAD.encode([before, bytes.as_slice()].concat());
    }
    if let Some(after) = edited_bytes.strip_prefix(valid_bytes.as_slice()) {
        return URL_SAFE_NO_PAD.encode([bytes.as_slice(), after].concat());
    }
    if let Some(cut) = valid_bytes.strip_prefix(edited_bytes.as_slice())
        && !edited_bytes.is_empty()
    {
        return URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() - cut.len()]);
    }
    let changed = valid.chars().zip(edited.chars()).filter(|(before, after)| before != after).count();
    if valid.len() == edited.len() && changed <= 2 {
        let mut own: Vec<char> = ours.chars().collect();
        for (at, (before, after)) in valid.chars().zip(edited.chars()).enumerate() {
            if before != after {
                own[at] = if own[at] == after { before } else { after };
            }
        }
        return own.into_iter().collect();
    }
    edited.to_owned()
}
