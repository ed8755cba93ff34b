//! Which database a URL names. Its scheme alone decides: a PostgreSQL address that cannot be
//! reached must never become a new SQLite file of that name.

use std::path::PathBuf;

use super::failure::OpenError;

/// Where the data is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// A file.
    Sqlite(PathBuf),
    /// A connection URI of libpq.
    Postgres(String),
}

impl Location {
    /// Reads the URL of the configuration.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
        match scheme {
            Some("postgres" | "postgresql") if url.contains("://") => Ok(Self::Postgres(url.to_owned())),
            Some("sqlite") => {
                let path = &url["sqlite:".len()..];
                path_of(path.strip_prefix("//").unwrap_or(path))
            }
            // The scheme only: the rest may hold a password.
            Some(other) => Err(OpenError::Url(format!("{other}: is neither sqlite: nor postgres://"))),
            None => path_of(url),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn path_of(path: &str) -> Result<Location, OpenError> {
    if path.is_empty() || path.ends_with('/') {
        return Err(OpenError::Url("the path of the SQLite file is missing".into()));
    }
    if path == ":memory:" {
        return Err(OpenError::Url("a database in memory would be lost; name a file".into()));
    }
    // `host=… dbname=…` is libpq's other spelling, `?` begins parameters that would be ignored.
    if path.contains(['=', '?', '\0']) {
        return Err(OpenError::Url("a SQLite path has no = and no ?; PostgreSQL is postgres://…".into()));
    }
    Ok(Location::Sqlite(PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_decides() {
        for (url, path) in [
            ("sqlite:data/g.db", "data/g.db"),
            ("sqlite:///var/lib/g.db", "/var/lib/g.db"),
            ("sqlite://data/g.db", "data/g.db"),
            ("data/g.db", "data/g.db"),
            ("/var/lib/g.db", "/var/lib/g.db"),
            ("./a:b.db", "./a:b.db"),
        ] {
            assert_eq!(Location::parse(url).unwrap(), Location::Sqlite(path.into()), "{url}");
        }
        for url in ["postgres://u:p@h/d", "postgresql://h1,h2/d?target_session_attrs=read-write"] {
            assert_eq!(Location::parse(url).unwrap(), Location::Postgres(url.into()));
        }
        for url in [
            "mysql://h/d",
            "host=127.0.0.1 dbname=x",
            "",
            "sqlite:",
            "sqlite::memory:",
            ":memory:",
            "file:x.db",
            "Postgres://h/d",
            "postgres:d",
            "data/",
            "sqlite:x.db?mode=ro",
        ] {
            assert!(Location::parse(url).is_err(), "{url}");
        }
        let text = Location::parse("mysql://u:hunter2@h/d").unwrap_err().to_string();
        assert!(!text.contains("hunter2"));
    }
}
