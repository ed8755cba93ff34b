//! Starts the command line.

/// Requests and Cedar's questions are many small pieces of memory: this allocator takes a good part of their time away.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    grantwood::cli::run()
}
