//! `schema`: the JSON Schema of a kind of document.

use super::Failure;
use crate::app::schemas;

/// Prints a schema.
pub fn schema(name: &str) -> Result<(), Failure> {
    let names = || schemas::NAMES.map(|(name, _)| name).join(", ");
    let text = schemas::text(name)
        .ok_or_else(|| Failure::Usage(format!("no schema {name}; there are: {}", names())))?;
    print!("{text}");
    Ok(())
}
