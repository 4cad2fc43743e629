//! argv → command → exit code.

fn main() -> std::process::ExitCode {
    doorward::cli::run(std::env::args_os(), std::env::vars_os()).into()
}
