//! Security events: stable names for those who watch the log, and fields that cannot be secrets, because no
//! event has a place for one.

use std::net::IpAddr;

use crate::oauth::reject::Reject;

/// Something that a person who watches over the server wants to know. Identifiers only: a token is named by
/// its `jti`, a key by its `kid`, a secret not at all (attack row W4).
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// `token.issued`: a token left the server.
    TokenIssued {
        /// Who got it.
        client: &'a str,
        /// For whom, if not for the client itself.
        user: Option<&'a str>,
        /// By which grant.
        grant: &'static str,
        /// Its id.
        jti: &'a str,
        /// What it carries.
        scope: &'a str,
        /// The key that signed it.
        kid: &'a str,
        /// The policy set that allowed it.
        revision: &'a str,
    },
    /// `token.refused`: a token request failed through the caller's fault.
    TokenRefused {
        /// The client, if it is known.
        client: Option<&'a str>,
        /// The grant, if it is one of ours.
        grant: Option<&'static str>,
        /// Why.
        reject: &'a Reject,
        /// From where.
        ip: IpAddr,
    },
    /// `token.revoked`: a token was ended before its time.
    TokenRevoked {
        /// Its id.
        jti: &'a str,
        /// Whose it was.
        client: &'a str,
        /// Who ended it: `client:<id>`, `user:<id>`, `policy`, `code-reuse`.
        by: &'a str,
    },
    /// `code.issued`: a user allowed a client.
    CodeIssued {
        /// The client.
        client: &'a str,
        /// The user.
        user: &'a str,
        /// What was allowed.
        scope: &'a str,
    },
    /// `code.reused`: a code came a second time; what the first use produced was revoked.
    CodeReused {
        /// The client that brought it.
        client: &'a str,
        /// From where.
        ip: IpAddr,
    },
    /// `login.succeeded`.
    LoginSucceeded {
        /// The user.
        user: &'a str,
        /// From where.
        ip: IpAddr,
    },
    /// `login.failed`. The identifier is not told: people type passwords into the wrong field.
    LoginFailed {
        /// The user, if there is one.
        user: Option<&'a str>,
        /// From where.
        ip: IpAddr,
    },
    /// `login.limited`: too many failures, this one was not even looked at.
    LoginLimited {
        /// From where.
        ip: IpAddr,
    },
    /// `policy.reloaded`: a new set is in force.
    PolicyReloaded {
        /// Its revision.
        revision: &'a str,
        /// The git commit, its author, and the first line of its message; empty where they are not known.
        commit: &'a str,
        /// Its author.
        author: &'a str,
        /// The first line of its message.
        subject: &'a str,
        /// When it was committed, in seconds since 1970; 0 = not known.
        time_s: i64,
    },
    /// `policy.reload_failed`: a set was held back, the last good one stays.
    PolicyReloadFailed {
        /// Number of errors.
        errors: usize,
        /// The first: file, line, column and message.
        first: &'a str,
    },
    /// `authorization.refused`: the user said no, or the policy did.
    AuthorizationRefused {
        /// The client.
        client: &'a str,
        /// The user.
        user: &'a str,
        /// Why.
        reject: &'a Reject,
    },
    /// `consent.withdrawn`: a user ended what a client had.
    ConsentWithdrawn {
        /// The client.
        client: &'a str,
        /// The user.
        user: &'a str,
    },
    /// `access.refused`: a request that a live token came with was not let through.
    AccessRefused {
        /// The token's client.
        client: &'a str,
        /// The user behind it.
        user: Option<&'a str>,
        /// Its id.
        jti: &'a str,
        /// The action of the catalog, or `none`.
        action: &'a str,
        /// Why: an error code, `no_route` or `policy_error`.
        error: &'a str,
        /// From where.
        ip: IpAddr,
    },
    /// `admin.changed`: an administrator changed something; the audit log has the rest.
    AdminChanged {
        /// User or client.
        actor: &'a str,
        /// The Cedar action.
        action: &'a str,
        /// What was changed.
        target: &'a str,
    },
    /// `admin.refused`: the policy refused an administrative action.
    AdminRefused {
        /// User or client.
        actor: &'a str,
        /// The Cedar action.
        action: &'a str,
        /// Why.
        reject: &'a Reject,
    },
    /// `key.rotated`: another key signs from now on.
    KeyRotated {
        /// Its id.
        kid: &'a str,
        /// Its algorithm.
        alg: &'static str,
    },
}

impl Event<'_> {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TokenIssued { .. } => "token.issued",
            Self::TokenRefused { .. } => "token.refused",
            Self::TokenRevoked { .. } => "token.revoked",
            Self::CodeIssued { .. } => "code.issued",
            Self::CodeReused { .. } => "code.reused",
            Self::LoginSucceeded { .. } => "login.succeeded",
            Self::LoginFailed { .. } => "login.failed",
            Self::LoginLimited { .. } => "login.limited",
            Self::PolicyReloaded { .. } => "policy.reloaded",
            Self::PolicyReloadFailed { .. } => "policy.reload_failed",
            Self::AuthorizationRefused { .. } => "authorization.refused",
            Self::ConsentWithdrawn { .. } => "consent.withdrawn",
            Self::AccessRefused { .. } => "access.refused",
            Self::AdminChanged { .. } => "admin.changed",
            Self::AdminRefused { .. } => "admin.refused",
            Self::KeyRotated { .. } => "key.rotated",
        }
    }

    /// Writes the event to the log; the request's id is added there.
    pub fn emit(&self) {
        match self {
            Self::TokenIssued { .. }
            | Self::TokenRefused { .. }
            | Self::TokenRevoked { .. }
            | Self::CodeIssued { .. }
            | Self::CodeReused { .. } => self.emit_token(),
            _ => self.emit_other(),
        }
    }

    fn emit_token(&self) {
        let event = self.name();
        match *self {
            Self::TokenIssued { client, user, grant, jti, scope, kid, revision } => {
                tracing::info!(target: TARGET, event, client, user, grant, jti, scope, kid, revision);
            }
            Self::TokenRefused { client, grant, reject, ip } => {
                let wire = reject.wire();
                let (error, detail) = (&*wire.error, &*wire.description);
                tracing::info!(target: TARGET, event, client, grant, reason = reason(reject), error, detail, %ip);
            }
            Self::TokenRevoked { jti, client, by } => {
                tracing::info!(target: TARGET, event, jti, client, by);
            }
            Self::CodeIssued { client, user, scope } => {
                tracing::info!(target: TARGET, event, client, user, scope);
            }
            Self::CodeReused { client, ip } => {
                tracing::warn!(target: TARGET, event, client, %ip);
            }
            _ => {}
        }
    }

    fn emit_other(&self) {
        let event = self.name();
        match *self {
            Self::LoginSucceeded { user, ip } => tracing::info!(target: TARGET, event, user, %ip),
            Self::LoginFailed { user, ip } => tracing::warn!(target: TARGET, event, user, %ip),
            Self::LoginLimited { ip } => tracing::warn!(target: TARGET, event, %ip),
            Self::PolicyReloaded { revision, commit, author, subject, time_s } => {
                tracing::info!(target: TARGET, event, revision, commit, author, subject, committed_at = time_s);
            }
            Self::PolicyReloadFailed { errors, first } => {
                tracing::error!(target: TARGET, event, errors, first);
            }
            Self::AuthorizationRefused { client, user, reject } => {
                let error = &*reject.wire().error;
                tracing::info!(target: TARGET, event, client, user, reason = reason(reject), error);
            }
            Self::ConsentWithdrawn { client, user } => tracing::info!(target: TARGET, event, client, user),
            Self::AccessRefused { client, user, jti, action, error, ip } => {
                tracing::info!(target: TARGET, event, client, user, jti, action, error, %ip);
            }
            Self::AdminChanged { actor, action, target } => {
                tracing::info!(target: TARGET, event, actor, action, on = target);
            }
            Self::AdminRefused { actor, action, reject } => {
                tracing::info!(target: TARGET, event, actor, action, reason = reason(reject));
            }
            Self::KeyRotated { kid, alg } => tracing::info!(target: TARGET, event, kid, alg),
            _ => {}
        }
    }
}

/// All events, for a filter such as `warn,grantwood::event=info`.
const TARGET: &str = "grantwood::event";

/// The variant's name and its own cases, such as `Code(Used)`; never a text that the caller sent.
pub fn reason(reject: &Reject) -> String {
    match reject {
        Reject::Client(problem) => format!("Client({problem:?})"),
        Reject::Code(problem) => format!("Code({problem:?})"),
        Reject::Verifier(problem) => format!("Verifier({problem:?})"),
        Reject::Assertion(problem) => format!("Assertion({problem:?})"),
        other => {
            let shown = format!("{other:?}");
            shown.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::reject::CodeProblem;

    #[test]
    fn w4_a_reason_is_a_variant_and_no_more() {
        assert_eq!(reason(&Reject::Code(CodeProblem::Used)), "Code(Used)");
        assert_eq!(reason(&Reject::Repeated("s3cret".into())), "Repeated");
        assert_eq!(reason(&Reject::Invalid("code", "s3cret".into())), "Invalid");
        assert_eq!(reason(&Reject::NoScope), "NoScope");
    }
}
