//! What the admin pages and their API show and do beyond the other flows: long lists by position, decisions
//! asked for trial, credentials carried to the page that shows them once.

pub mod access;
pub mod audit;
pub mod bench;
pub mod clients;
pub mod keys;
pub mod once;
pub mod overview;
pub mod policies;
pub mod settings;
pub mod tokens;

use std::collections::HashMap;

use crate::app::App;
use crate::oauth::reject::Fault;

/// Names of users by their ids; those who are gone are absent.
///
/// # Errors
/// [`Fault`] if the database does not answer.
pub async fn user_names<'a>(
    app: &App,
    ids: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, String>, Fault> {
    let mut names = HashMap::new();
    for id in ids {
        if !names.contains_key(id)
            && let Some(state) = app.user(id).await?
        {
            names.insert(id.to_owned(), state.user.username.clone());
        }
    }
    Ok(names)
}

/// The id of the user whom a text names, by id, sign-in name or address; the text itself where nobody is.
///
/// # Errors
/// [`Fault`] if the database does not answer.
pub async fn user_id_of(app: &App, text: &str) -> Result<String, Fault> {
    Ok(app.user_named(text).await?.map_or_else(|| text.to_owned(), |user| user.id.as_ref().to_owned()))
}
