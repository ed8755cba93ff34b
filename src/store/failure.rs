//! What can go wrong, and how it is told: a caller sees a [`Fault`], a start sees an [`OpenError`].

use diesel::result::{DatabaseErrorKind, Error};

use crate::oauth::reject::Fault;

/// Why a database cannot be opened. The texts name no password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL's scheme is not one of ours, or the path cannot be one.
    #[error("database url: {0}")]
    Url(String),
    /// The SQLite library is older than 3.51.3, which repaired a way to corrupt a WAL database.
    #[error("the SQLite library is {0}, at least 3.51.3 is needed")]
    TooOld(String),
    /// The file exists and is damaged, empty or another program's. It is never made anew.
    #[error("database file {path}: {problem}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// There is no such database, or its tables are not those of this release.
    #[error("database: {0}")]
    Tables(String),
    /// The database cannot be reached or changed right now.
    #[error("database: {0}")]
    Unavailable(String),
}

/// What a body or its transaction ended with.
#[derive(Debug)]
pub(super) enum Failure {
    /// A unique column has the value already.
    Taken,
    /// Anything else.
    Fault(Fault),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Taken => Fault::Inconsistent("the row exists already".into()),
            Failure::Fault(fault) => fault,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Taken,
            error => Self::Fault(fault(error)),
        }
    }
}

/// A failure that may pass by itself.
pub(super) fn unavailable(why: impl ToString) -> Failure {
    Failure::Fault(Fault::Unavailable(why.to_string()))
}

fn fault(error: Error) -> Fault {
    match &error {
        Error::DatabaseError(kind, info) => match kind {
            DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation => Fault::Inconsistent(info.message().to_owned()),
            // PostgreSQL stores no NUL in text; the value came past a caller's validation.
            _ if is_nul(info.message()) => Fault::Inconsistent("a text holds a NUL character".into()),
            _ => Fault::Unavailable(info.message().trim().to_owned()),
        },
        Error::SerializationError(_) | Error::DeserializationError(_) | Error::InvalidCString(_) => {
            Fault::Inconsistent(error.to_string())
        }
        _ => Fault::Unavailable(error.to_string()),
    }
}

/// PostgreSQL's message for a NUL byte, of which the last part is the same in every language.
fn is_nul(message: &str) -> bool {
    message.trim_end().ends_with("0x00") && message.contains("UTF8")
}

/// Whether the caller's data, not the database, made the statement fail: the connection is sound.
pub(super) fn is_refusal(error: &Error) -> bool {
    match error {
        Error::DatabaseError(kind, info) => {
            matches!(
                kind,
                DatabaseErrorKind::UniqueViolation
                    | DatabaseErrorKind::ForeignKeyViolation
                    | DatabaseErrorKind::NotNullViolation
                    | DatabaseErrorKind::CheckViolation
            ) || is_nul(info.message())
        }
        Error::NotFound | Error::RollbackTransaction => true,
        _ => false,
    }
}
