//! `demo`: a guided tour on a throw-away database.
pub fn demo(_once: bool) -> Result<(), super::Failure> {
    Ok(())
}
