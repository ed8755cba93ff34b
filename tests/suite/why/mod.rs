//! Why something was allowed or refused: the decision log, explanations, and decisions put again.

mod explain;
mod log;
mod replay;

/// Runs a subcommand in a folder without a server, and without the environment of this test run.
fn bare(folder: &std::path::Path, arguments: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_grantwood"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GRANTWOOD_"))
    {
        command.env_remove(name);
    }
    command.current_dir(folder).args(arguments).output().expect("the binary runs")
}
