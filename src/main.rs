//! argv → command → exit code.

/// A Check allocates a dozen times, mostly what HTTP/2 needs; with the system's allocator that is a fifth of its cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    doorward::cli::run(std::env::args_os(), std::env::vars_os()).into()
}
