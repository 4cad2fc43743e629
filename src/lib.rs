//! Doorward, the keeper of the door: an external-authorization sidecar for Envoy.
//!
//! The rooms in reading order. A room may use those above it and none below
//! (ARCHITECTURE.md says why, `tests/tidy.rs` enforces it).

pub mod domain;

pub mod config;

pub mod telemetry;

pub mod store;

pub mod counters;

pub mod check;

pub mod admin;

pub mod server;

pub mod cli;
