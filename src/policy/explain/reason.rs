//! An explanation in one sentence: for a line of a page, and for somebody who is not to read policies.

use super::{Explanation, Lacking, Named};
use crate::policy::record::Verdict;

/// Why something is refused, for the person whom it concerns: nothing of the inside of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A policy could not be evaluated.
    Error,
    /// The catalog does not have it.
    Unknown,
    /// The ceiling does not list it: nobody gets it.
    Ceiling,
    /// A rule forbids it here and now.
    Forbidden,
    /// The client is not allowed to have it.
    Client,
    /// No role of the user permits it.
    User,
}

impl Why {
    /// The word that texts are named by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Unknown => "unknown",
            Self::Ceiling => "ceiling",
            Self::Forbidden => "forbidden",
            Self::Client => "client",
            Self::User => "user",
        }
    }

    /// A sentence for callers of the API.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Error => "a policy could not be evaluated, so the answer is no",
            Self::Unknown => "this server has no such scope",
            Self::Ceiling => "no application may have it here",
            Self::Forbidden => "a rule forbids it",
            Self::Client => "the application may not have it",
            Self::User => "your roles do not permit it",
        }
    }
}

impl Explanation {
    /// Why, for somebody who may read policies: the deciding policies, or what the nearest permit lacks.
    pub fn reason(&self) -> String {
        if self.decision == Verdict::Allow {
            return format!("permitted by {}", ids(self.policies.iter()));
        }
        if !self.errors.is_empty() || self.unknown {
            return self.summary.clone();
        }
        if !self.forbids.is_empty() {
            return format!("forbidden by {}", ids(self.forbids.iter().map(|matched| &matched.policy)));
        }
        match self.nearest.first() {
            None => "no policy permits it".to_owned(),
            Some(near) => {
                let Named { id, source, .. } = &near.policy;
                let place = if source.is_empty() { id } else { source };
                format!("no policy permits it; nearest: {place} {}", near.says)
            }
        }
    }

    /// Why not, for the person whom it concerns; nothing where the answer is yes.
    pub fn why(&self) -> Option<Why> {
        if self.decision == Verdict::Allow {
            return None;
        }
        let ceiling = self.forbids.iter().any(|matched| matched.policy.id == "global.ceiling");
        Some(match self.lacking {
            _ if !self.errors.is_empty() => Why::Error,
            _ if self.unknown => Why::Unknown,
            _ if ceiling => Why::Ceiling,
            _ if !self.forbids.is_empty() => Why::Forbidden,
            Some(Lacking::User) => Why::User,
            Some(Lacking::Client) | None => Why::Client,
        })
    }
}

fn ids<'a>(policies: impl Iterator<Item = &'a Named>) -> String {
    policies.map(|policy| policy.id.as_str()).collect::<Vec<_>>().join(", ")
}
