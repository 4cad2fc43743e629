//! Who gets in to the admin API: the program as it is shipped, asked over real sockets.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what went wrong by ending"
)]

mod client;
#[expect(dead_code, reason = "another suite uses the rest")]
#[path = "../issuer/mod.rs"]
mod issuer;
mod program;

mod address;
mod certificates;
mod command_line;
mod generated;
mod killed;
mod people;
mod refusals;
mod restored;
mod unix_socket;
