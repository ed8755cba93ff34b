//! `init`: configuration and policies to start from.

use std::path::Path;

use rust_embed::RustEmbed;

use super::Failure;

#[derive(RustEmbed)]
#[folder = "policies/"]
struct ShippedPolicies;

#[derive(RustEmbed)]
#[folder = "config/"]
#[include = "grantwood.yaml"]
#[include = "grantwood.schema.json"]
struct ShippedConfig;

/// Writes what is not there yet.
pub fn init(dir: &Path) -> Result<(), Failure> {
    let mut written = 0;
    for name in ShippedPolicies::iter() {
        written += write(&dir.join("policies"), &name, ShippedPolicies::get(&name))?;
    }
    for name in ShippedConfig::iter() {
        written += write(&dir.join("config"), &name, ShippedConfig::get(&name))?;
    }
    eprintln!(
        "grantwood: wrote {written} files below {}; next: cd {} && grantwood serve",
        dir.display(),
        dir.display()
    );
    Ok(())
}

/// Writes the shipped policies into a folder; the tour of `demo` starts from them.
pub fn write_policies(folder: &Path) -> Result<(), Failure> {
    for name in ShippedPolicies::iter() {
        write(folder, &name, ShippedPolicies::get(&name))?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, file: Option<rust_embed::EmbeddedFile>) -> Result<usize, Failure> {
    let Some(file) = file else { return Ok(0) };
    let path = folder.join(name);
    if path.exists() {
        eprintln!("grantwood: {} is there already; left alone", path.display());
        return Ok(0);
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(&path, file.data)?;
    Ok(1)
}
