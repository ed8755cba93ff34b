//! People: users and their management, the account pages, consent pages of a team's own, replaced templates.

mod account;
mod consent_page;
mod templates;
mod trusted;
mod users;
