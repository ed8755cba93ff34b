//! The decision API (OpenID AuthZEN Authorization API 1.0): who may ask, what is asked, what the answer is.
//!
//! ```text
//! asker     1. who asks, and does the policy let them        (http/authzen puts it before the body)
//! target    2. the catalog's action, and the resource
//! subject   3. the user, client or token that it is about
//! decide    4. one question after the other, to one policy set
//! search    the same over all subjects, resources or actions
//! ```

use std::net::IpAddr;
use std::sync::Arc;

use super::Ask;
use crate::app::clients::ClientState;
use crate::app::users::UserState;
use crate::policy::{HttpFacts, Properties};

mod asker;
mod decide;
pub mod search;
mod subject;
mod target;

pub use asker::{Asker, asker};
pub use decide::{Answer, Semantic, decide, reason};

/// Most evaluations of one request.
pub const MOST_EVALUATIONS: usize = 500;

/// A question as its caller puts it.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whom it is about.
    pub subject: Subject,
    /// What is to be done.
    pub action: Action,
    /// To what.
    pub resource: Resource,
    /// Under which circumstances; the same value is shared by the items of a request.
    pub context: Arc<Circumstances>,
}

/// A subject.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Who.
    pub who: Who,
    /// What is stated; heard only from callers whom the policy lets assert.
    pub properties: Properties,
}

/// How a subject is named.
#[derive(Clone, Debug)]
pub enum Who {
    /// `user` with an id, name or address; `client` with a client id; other types are nobody.
    Named {
        /// The type.
        kind: String,
        /// The identifier.
        id: String,
    },
    /// A user whom a search has at hand.
    User(UserState),
    /// A client that a search has at hand.
    Client(Arc<ClientState>),
}

/// An action.
#[derive(Clone, Debug)]
pub struct Action {
    /// `find`, `api::form.form.find`, or an HTTP method for a route.
    pub name: String,
    /// What is stated.
    pub properties: Properties,
}

/// A resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// A content type's name or `resource_type`, `content_type`, or `route`.
    pub kind: String,
    /// The resource, the content type, or the path.
    pub id: String,
    /// What is stated.
    pub properties: Properties,
}

/// The circumstances of a question.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// An access token, or its `jti`: the question is about what it may do.
    pub token: Option<String>,
    /// A client id: the question is about the user through that client.
    pub client: Option<String>,
    /// The subject's address; heard only from callers whom the policy lets assert, as are all below.
    pub ip: Option<IpAddr>,
    /// The moment, in milliseconds since 1970, UTC.
    pub time_ms: Option<i64>,
    /// The request.
    pub http: Option<HttpFacts>,
}
