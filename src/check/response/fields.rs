//! The fields of `envoy.service.auth.v3.CheckResponse` and of what stands in it, by their numbers.

use crate::check::wire::Message;

/// `CheckResponse.status`, a `google.rpc.Status`.
pub(super) const STATUS: u32 = 1;
/// `CheckResponse.denied_response`.
pub(super) const DENIED_RESPONSE: u32 = 2;
/// `CheckResponse.ok_response`.
pub(super) const OK_RESPONSE: u32 = 3;
/// `CheckResponse.dynamic_metadata`, a `google.protobuf.Struct`.
pub(super) const DYNAMIC_METADATA: u32 = 4;
/// `CheckResponse.error_response`, of the same kind as `denied_response`.
pub(super) const ERROR_RESPONSE: u32 = 5;

/// `google.rpc.Status.code`.
pub(super) const STATUS_CODE: u32 = 1;

/// `OkHttpResponse.headers`, of the request that goes on.
pub(super) const OK_HEADERS: u32 = 2;
/// `OkHttpResponse.headers_to_remove`.
pub(super) const OK_HEADERS_TO_REMOVE: u32 = 5;
/// `OkHttpResponse.response_headers_to_add`.
pub(super) const OK_RESPONSE_HEADERS: u32 = 6;
/// `OkHttpResponse.query_parameters_to_remove`.
pub(super) const OK_PARAMETERS_TO_REMOVE: u32 = 8;

/// `DeniedHttpResponse.status`, an `envoy.type.v3.HttpStatus`.
pub(super) const DENIED_STATUS: u32 = 1;
/// `HttpStatus.code`.
pub(super) const HTTP_STATUS_CODE: u32 = 1;
/// `DeniedHttpResponse.headers`.
pub(super) const DENIED_HEADERS: u32 = 2;
/// `DeniedHttpResponse.body`.
pub(super) const DENIED_BODY: u32 = 3;

/// `HeaderValueOption.header`, a `HeaderValue`.
const HEADER: u32 = 1;
/// `HeaderValue.key`.
const HEADER_KEY: u32 = 1;
/// `HeaderValue.value`. Envoy reads no `raw_value` (measured on 1.36 to 1.40).
const HEADER_VALUE: u32 = 2;
/// `HeaderValueOption.append`, a `google.protobuf.BoolValue`: an empty one is false.
const APPEND: u32 = 2;
/// `HeaderValueOption.append_action`.
const APPEND_ACTION: u32 = 3;
/// `HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD`.
const OVERWRITE: u64 = 2;

/// `Struct.fields`, a map from texts to `Value`; `Value.string_value`.
const STRUCT_FIELDS: u32 = 1;
const STRING_VALUE: u32 = 3;
/// The key and the value of an entry of a map.
const MAP_KEY: u32 = 1;
const MAP_VALUE: u32 = 2;

/// Appends a header that replaces whatever stands there; its value is what the pieces make together. Both fields are
/// needed: Envoy up to 1.40 looks at the older `append` alone, its successors at `append_action` alone.
pub(super) fn set_header<'t>(
    to: &mut Message<'_>,
    field: u32,
    name: &str,
    pieces: impl IntoIterator<Item = &'t str>,
) {
    to.message(field, |option| {
        option.message(HEADER, |header| {
            header.text(HEADER_KEY, name);
            header.pieces(HEADER_VALUE, pieces);
        });
        option.message(APPEND, |_| {});
        option.number(APPEND_ACTION, OVERWRITE);
    });
}

/// Appends a member to a `Struct`.
pub(super) fn set_member(to: &mut Message<'_>, name: &str, text: &str) {
    to.message(STRUCT_FIELDS, |entry| {
        entry.text(MAP_KEY, name);
        entry.message(MAP_VALUE, |value| value.text(STRING_VALUE, text));
    });
}
