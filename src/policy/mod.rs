//! Cedar: the only folder that names it. Documents → compile → slice → decide(question) → [`permit::Permit`].
//!
//! What is absent on purpose: no role name, no client id and no scope is compared anywhere here but in
//! policies; no permit is made without a decision; nothing is kept per client without a bound.

pub mod admin;
mod answers;
mod assemble;
pub mod catalog;
pub mod changes;
pub mod check;
mod clauses;
pub mod client;
mod compile;
mod decide;
pub mod diagnostics;
pub mod documents;
pub mod engine;
mod evaluate;
pub mod explain;
mod facts;
mod files;
pub mod format;
mod grant;
mod load;
mod names;
pub mod permit;
pub mod plan;
pub mod prove;
pub mod question;
mod reads;
pub mod record;
pub mod replay;
pub mod routes;
mod rules;
mod schema;
mod shapes;
mod slice;
pub mod snapshot;
pub mod source;
pub mod stated;
mod table;
pub mod testing;
#[cfg(test)]
mod tests;
mod unread;
mod usage;
mod validate;
pub mod watch;
pub mod write;
mod yaml;

pub use answers::Answers;
pub use catalog::{Catalog, CatalogAction, ContentType};
pub use client::{FieldProblem, Mode};
pub use diagnostics::{Diagnostic, LoadFailed, Severity};
pub use documents::{ClientDocument, ManagedBy, Ttl};
pub use engine::{Attempt, Engine, Reload, Status};
pub use evaluate::{Evaluation, EvaluationSubject};
pub use load::Options;
pub use permit::Permit;
pub use question::{
    Actor, AdminQuestion, AdminResource, Asked, Decision, GrantFacts, GrantQuestion, HttpFacts, OnDenied,
    Requested, SignInQuestion, TokenFacts, UseQuestion,
};
pub use reads::Holds;
pub use record::{Record, Trace};
pub use routes::{Found, Route, Routes};
pub use schema::schema_text;
pub use snapshot::{Global, PolicyInfo, Snapshot};
pub use stated::{Properties, Stated, Thing};
pub use table::table;
