//! `user …`: local users, on the database itself.

use std::io::Read;

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{self, Format};
use super::{Failure, Settings, block_on, closed, local_ask, opened, operator};
use crate::app::App;
use crate::flow::users::{self, Credential, NewUser};
use crate::store::{Page, UserFilter, UserRow, UserSort};

/// Subcommands of `user`.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Make a user; without --password-stdin a password is made and shown this once.
    Create {
        /// Sign-in name.
        #[arg(long)]
        username: String,
        /// E-mail address.
        #[arg(long)]
        email: String,
        /// A role of policies/roles; may be repeated.
        #[arg(long = "role")]
        roles: Vec<String>,
        /// Read the password from standard input.
        #[arg(long)]
        password_stdin: bool,
        /// Make no password but a link, good for a day, by which the user sets one.
        #[arg(long, conflicts_with = "password_stdin")]
        setup_link: bool,
        /// How to print it.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// List users.
    List {
        /// Words in the name or the address.
        #[arg(long)]
        search: Option<String>,
        /// Which page of 100.
        #[arg(long, default_value_t = 1)]
        page: u32,
        /// How to print them.
        #[arg(long, default_value = "table")]
        format: Format,
    },
    /// Block a user: sign-in and tokens end at once.
    Block {
        /// Name, address or id.
        user: String,
    },
    /// Let a blocked user in again.
    Unblock {
        /// Name, address or id.
        user: String,
    },
    /// Delete a user: sessions, consents and tokens end at once.
    Delete {
        /// Name, address or id.
        user: String,
    },
    /// Set a new password; sessions and user tokens end at once.
    ResetPassword {
        /// Name, address or id.
        user: String,
        /// Read the password from standard input; otherwise one is made and shown this once.
        #[arg(long)]
        password_stdin: bool,
        /// Make no password but a link, good for a day, by which the user sets one.
        #[arg(long, conflicts_with = "password_stdin")]
        setup_link: bool,
    },
}

/// Carries a subcommand out.
pub fn user(settings: &Settings, command: UserCommand) -> Result<(), Failure> {
    block_on(async {
        let app = opened(settings).await?;
        let result = carry_out(&app, command).await;
        closed(&app).await;
        result
    })
}

async fn carry_out(app: &App, command: UserCommand) -> Result<(), Failure> {
    let (ask, who) = (local_ask(app), operator());
    match command {
        UserCommand::Create { username, email, roles, password_stdin, setup_link, format } => {
            let credential = credential(password_stdin, setup_link)?;
            let new = NewUser { username, email, roles, confirmed: true, credential };
            let (row, shown) = users::create(app, &ask, &who, new).await?;
            output::item(
                format,
                &[
                    ("documentId", json!(row.id)),
                    ("username", json!(row.username)),
                    ("email", json!(row.email)),
                    ("password", json!(shown.password)),
                    ("setupUrl", json!(shown.setup_url)),
                ],
            );
        }
        UserCommand::List { search, page, format } => {
            let filter = UserFilter { search, ..UserFilter::default() };
            let page = Page { page, size: 100 };
            let found = users::list(app, &ask, &who, filter, UserSort::default(), page).await?;
            let rows: Vec<Value> = found.rows.iter().map(shown).collect();
            output::rows(format, &["documentId", "username", "email", "roles", "blocked"], &rows);
        }
        UserCommand::Block { user } => {
            let row = users::set_blocked(app, &ask, &who, &user, true).await?;
            eprintln!("grantwood: {} is blocked", row.username);
        }
        UserCommand::Unblock { user } => {
            let row = users::set_blocked(app, &ask, &who, &user, false).await?;
            eprintln!("grantwood: {} may sign in again", row.username);
        }
        UserCommand::Delete { user } => {
            let row = users::delete(app, &ask, &who, &user).await?;
            eprintln!("grantwood: {} is deleted", row.username);
        }
        UserCommand::ResetPassword { user, password_stdin, setup_link } => {
            let credential = credential(password_stdin, setup_link)?;
            let (_, shown) = users::reset_password(app, &ask, &who, &user, credential).await?;
            match shown.password.or(shown.setup_url) {
                Some(made) => println!("{made}"),
                None => eprintln!("grantwood: the password is set"),
            }
        }
    }
    Ok(())
}

fn credential(from_stdin: bool, link: bool) -> Result<Credential, Failure> {
    if link {
        return Ok(Credential::Link);
    }
    if !from_stdin {
        return Ok(Credential::Made);
    }
    let mut text = String::new();
    std::io::stdin().take(4_096).read_to_string(&mut text)?;
    Ok(Credential::Given(text.trim_end_matches(['\n', '\r']).to_owned()))
}

fn shown(row: &UserRow) -> Value {
    let roles: Value = serde_json::from_str(&row.roles).unwrap_or_default();
    json!({
        "documentId": row.id, "username": row.username, "email": row.email, "roles": roles,
        "blocked": row.blocked, "confirmed": row.confirmed,
    })
}
