//! Python environments with exactly the packages of a requirements file, made once for each state of it.

use std::path::PathBuf;
use std::process::Command;

use super::backend;
use crate::source;

/// The interpreter of an environment; nothing, and a line that says so, where Python is not installed.
pub fn environment(name: &str, requirements: &str) -> Option<PathBuf> {
    match install(name, requirements) {
        Ok(interpreter) => Some(interpreter),
        Err(why) => {
            let required = std::env::var("GRANTWOOD_TEST_REQUIRE_PYTHON").as_deref() == Ok("1");
            assert!(!required, "GRANTWOOD_TEST_REQUIRE_PYTHON=1, and {why}");
            backend::say(&format!("LEFT OUT: {name}; {why}"));
            None
        }
    }
}

fn install(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{name}"));
    let interpreter = folder.join("bin/python");
    let wanted = source::read(requirements);
    let stamp = folder.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(interpreter);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let file = source::root().join(requirements);
    run(Command::new(&interpreter)
        .args(["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r"])
        .arg(file)
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1"))?;
    std::fs::write(stamp, wanted).map_err(|error| error.to_string())?;
    Ok(interpreter)
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|_| format!("{program} is not installed"))?;
    if output.status.success() {
        return Ok(());
    }
    let told = [output.stdout, output.stderr].concat();
    Err(format!("{program} failed: {}", String::from_utf8_lossy(&told).trim()))
}
