//! argv → command → exit code.

/// HTTP/2 allocates a dozen times for each Check; with the system's allocator that is nearly a third of what a gRPC
/// server costs that decides nothing (29 against 20 µs).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    doorward::cli::run(std::env::args_os(), std::env::vars_os()).into()
}
