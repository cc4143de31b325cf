//! The `tactful` command.
#![deny(unsafe_code)]

fn main() -> std::process::ExitCode {
    tactful::cli::main()
}
