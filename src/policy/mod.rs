//! Cedar: the only folder that names it.

pub mod permit;
