//! Starts the command line.

fn main() -> std::process::ExitCode {
    grantwood::cli::run()
}
