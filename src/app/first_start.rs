//! What a first start makes: the administrator's password, and keys of clients that sign assertions.
//!
//! A secret is in its file before the database knows of it. A start that is cut off in between (`kill -9`, a full disk)
//! finds the file and goes on with it; the other way round, nobody would have the secret of what stands in the database.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::start::private_folder;
use super::users::canonical;
use super::{App, clock};
use crate::keys::{ClientKeypair, client_keypair, client_keypair_of};
use crate::oauth::client::ClientAuth;
use crate::oauth::grant::GrantType;
use crate::oauth::reject::Fault;
use crate::store::UserRow;

/// What was made, for the greeting.
#[derive(Default)]
pub struct FirstStart {
    /// The administrator's password, if it was made now.
    pub admin_password: Option<String>,
    /// Where that password is kept.
    pub password_file: Option<PathBuf>,
    /// Clients of the folder for which a key was made, with the file of the private key.
    pub client_keys: Vec<(String, PathBuf)>,
}

/// Makes what is missing.
///
/// # Errors
/// [`Fault`] if a file or row cannot be written.
pub async fn make(app: &App, password_file: Option<PathBuf>) -> Result<FirstStart, Fault> {
    let mut first = FirstStart::default();
    administrator(app, password_file, &mut first).await?;
    client_keys(app, &mut first).await?;
    Ok(first)
}

/// The first administrator, once per database: a generated password, or the operator's.
async fn administrator(app: &App, brought: Option<PathBuf>, first: &mut FirstStart) -> Result<(), Fault> {
    if app.store.count_users().await? > 0 {
        return Ok(());
    }
    if let Some(path) = brought {
        let text = std::fs::read_to_string(&path).map_err(|e| unavailable(&path, &e))?;
        insert_administrator(app, text.trim_end_matches(['\n', '\r'])).await?;
        return Ok(());
    }
    let path = app.config.data_dir.join("admin-password");
    let new = clock::new_password()?;
    let file = PrivateFile::keep(&path, &format!("{new}\n"), |kept| kept.trim_end().len() == new.len())?;
    let password = file.text.trim_end().to_owned();
    if insert_administrator(app, &password).await? {
        first.password_file = Some(path);
        first.admin_password = Some(password);
    } else if !is_of_administrator(app, &password).await? {
        file.withdraw();
    }
    Ok(())
}

/// Whether the administrator whom another process made has this password: the two may share the file.
async fn is_of_administrator(app: &App, password: &str) -> Result<bool, Fault> {
    let row = app.store.user_by_identifier(&canonical("admin")).await?;
    app.passwords.verify(password, row.as_ref().map(|row| row.password_hash.as_str())).await
}

/// False if another replica was first.
async fn insert_administrator(app: &App, password: &str) -> Result<bool, Fault> {
    let now_ms = app.clock.now_ms();
    let user = UserRow {
        id: clock::new_id()?,
        username: "admin".to_owned(),
        username_key: canonical("admin"),
        email: "admin@localhost".to_owned(),
        password_hash: app.passwords.hash(password).await?,
        roles: serde_json::json!(app.config.users.first_admin_roles).to_string(),
        blocked: false,
        confirmed: true,
        created_at: now_ms,
        updated_at: now_ms,
        tokens_valid_from: 0,
    };
    app.store.insert_first_user(user).await
}

/// The generated password was used on the sign-in page: its file goes, and nobody is told of it any more.
/// A file that cannot be removed stays as it is; the next sign-in tries again.
pub fn first_password_used(app: &App, password: &str) {
    let path = app.config.data_dir.join("admin-password");
    if std::fs::read_to_string(&path).is_ok_and(|kept| kept.trim_end() == password) {
        let removed = std::fs::remove_file(&path);
        tracing::info!(removed = removed.is_ok(), "the generated password was used; its file is not needed");
    }
}

/// Makes a key for each client of the folder that needs one and has none (design §8: the example
/// client's private key is the only one that is ever kept).
async fn client_keys(app: &App, first: &mut FirstStart) -> Result<(), Fault> {
    let snapshot = app.policies.current();
    for client in snapshot.clients() {
        let needs_key = client.auth == ClientAuth::Key || client.grants.contains(&GrantType::JwtBearer);
        if !needs_key || !client.keys.is_empty() {
            continue;
        }
        let Some(row) = app.store.client(client.id.as_str()).await? else { continue };
        if row.jwks.is_some() {
            continue;
        }
        let folder = app.config.data_dir.join("clients");
        private_folder(&folder)?;
        let path = folder.join(format!("{}.pem", client.id));
        let (file, pair) = keypair(app, &path).await?;
        // Another replica may start at the same time: one of the two keys holds, and the two may share the file.
        let jwks = pair.keys.to_jwks().to_string();
        if app.store.set_first_keys(&row.document_id, jwks.clone(), app.clock.now_ms()).await? {
            first.client_keys.push((client.id.as_str().to_owned(), path));
        } else if app.store.client(client.id.as_str()).await?.and_then(|row| row.jwks) != Some(jwks) {
            file.withdraw();
        }
    }
    app.freshness.clients_changed();
    Ok(())
}

/// The pair of a file that is there already, or a new one that is in the file now.
async fn keypair(app: &App, path: &Path) -> Result<(PrivateFile, ClientKeypair), Fault> {
    let (bits, path) = (app.config.clients.rsa_bits, path.to_owned());
    let work = move || {
        let usable = |kept: &str| client_keypair_of(kept).is_ok();
        let new = match std::fs::read_to_string(&path) {
            Ok(kept) if usable(&kept) => kept,
            _ => client_keypair(bits)?.private_pem,
        };
        let file = PrivateFile::keep(&path, &new, usable)?;
        let pair = client_keypair_of(&file.text)?;
        Ok((file, pair))
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Fault::Keys("key generation failed".to_owned()))?
}

/// A file that only its owner may read.
struct PrivateFile {
    path: PathBuf,
    text: String,
    /// It was made here, and not by an earlier start or another process.
    made: bool,
}

impl PrivateFile {
    /// Makes the file, whole or not at all. One that is there and usable stays, and its text counts.
    fn keep(path: &Path, new: &str, usable: impl Fn(&str) -> bool) -> Result<Self, Fault> {
        let told = |e: std::io::Error| unavailable(path, &e);
        if let Ok(text) = std::fs::read_to_string(path) {
            if usable(&text) {
                return Ok(Self { path: path.to_owned(), text, made: false });
            }
            std::fs::remove_file(path).map_err(told)?;
        }
        let draft = path.with_extension(format!("{}.new", clock::new_id()?));
        let made = write_private(&draft, new).and_then(|()| publish(&draft, path));
        let gone = std::fs::remove_file(&draft);
        let made = made.map_err(told)?;
        // After a rename the draft has no name of its own any more.
        gone.or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
            .map_err(told)?;
        let text = if made { new.to_owned() } else { std::fs::read_to_string(path).map_err(told)? };
        if !usable(&text) {
            return Err(Fault::Unavailable(format!("{}: another process writes it", path.display())));
        }
        Ok(Self { path: path.to_owned(), text, made })
    }

    /// What it holds is not in force after all.
    fn withdraw(self) {
        if self.made
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(file = %self.path.display(), %error, "holds a secret of no use; remove it");
        }
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())
}

/// Gives a finished file its name; false if another process was first.
fn publish(draft: &Path, path: &Path) -> std::io::Result<bool> {
    let made = match std::fs::hard_link(draft, path) {
        Ok(()) => true,
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Ok(false),
        // Some file systems have no links.
        Err(_) => std::fs::rename(draft, path).map(|()| true)?,
    };
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::File::open(folder)?.sync_all()?;
    Ok(made)
}

fn unavailable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::Unavailable(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_secret_of_a_start_that_was_cut_off_is_taken_up_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let keep = |new: &str| PrivateFile::keep(&path, new, |text| text.len() == 3).unwrap();
        let file = keep("one");
        assert!(file.made && std::fs::metadata(&path).unwrap().mode() & 0o777 == 0o600);
        let again = keep("two");
        assert!(!again.made && again.text == "one", "what is there counts");
        again.withdraw();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one", "not its own to remove");
        std::fs::write(&path, "half a secret").unwrap();
        let file = keep("six");
        assert!(file.made && file.text == "six");
        assert_eq!(names(folder.path()), ["secret"], "no draft stays");
        file.withdraw();
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn a_clients_key_can_be_read_back() {
        let pair = client_keypair(2_048).unwrap();
        let back = client_keypair_of(&pair.private_pem).unwrap();
        assert_eq!(back.keys.to_jwks(), pair.keys.to_jwks());
        assert!(client_keypair_of("").is_err() && client_keypair_of(&pair.public_pem).is_err());
    }
}
