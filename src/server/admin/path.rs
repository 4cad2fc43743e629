//! Paths of the admin API (AIP-122, AIP-136): fixed segments, fields in braces, and at the end perhaps `:` and what to do.

use percent_encoding::percent_decode_str;

/// The fields that stand in a path, if it is of this form: `/v1/keys/{id}:rotate` and `/v1/keys/key_1:rotate` give
/// `id` and `key_1`.
pub(super) fn matched(form: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let (form, path) = match form.rsplit_once(':') {
        Some((form, verb)) => (form, path.strip_suffix(verb)?.strip_suffix(':')?),
        None => (form, path),
    };
    let (mut forms, mut segments) = (form.split('/'), path.split('/'));
    let mut fields = Vec::new();
    loop {
        match (forms.next(), segments.next()) {
            (None, None) => return Some(fields),
            (Some(form), Some(segment)) => match field(form) {
                Some(name) => fields.push((name, decoded(segment)?)),
                None if form == segment => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

/// The names of the fields in a form.
pub(super) fn field(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn decoded(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_where_the_form_has_them() {
        type Fields = Option<&'static [(&'static str, &'static str)]>;
        let cases: [(&str, &str, Fields); 9] = [
            ("/v1/keys", "/v1/keys", Some(&[])),
            ("/v1/keys", "/v1/keys/", None),
            ("/v1/keys/{id}", "/v1/keys/key_1", Some(&[("id", "key_1")])),
            ("/v1/keys/{id}", "/v1/keys/", None),
            ("/v1/keys/{id}:rotate", "/v1/keys/key_1:rotate", Some(&[("id", "key_1")])),
            ("/v1/keys/{id}:rotate", "/v1/keys/key_1", None),
            ("/v1/keys:import", "/v1/keys:import", Some(&[])),
            ("/v1/o/{o}/members/{user}", "/v1/o/acme/members/a%2Fb", Some(&[("o", "acme"), ("user", "a/b")])),
            ("/v1/keys/{id}", "/v1/keys/%ff", None),
        ];
        for (form, path, expected) in cases {
            let expected: Option<Vec<(&str, String)>> = expected
                .map(|fields| fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect());
            assert_eq!(matched(form, path), expected, "{form} {path}");
        }
    }
}
