//! Doorward, the keeper of the door: an external-authorization sidecar for Envoy.
//!
//! The rooms in reading order. A room may use those above it and none below
//! (ARCHITECTURE.md says why, `tests/tidy.rs` enforces it).

pub mod admin;
pub mod cli;
pub mod config;
pub mod domain;
pub mod store;
