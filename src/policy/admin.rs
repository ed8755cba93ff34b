//! Administrative actions. Ask the policy literally what you are about to do; it says who may.

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $action:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $action;)*
        /// Every administrative action.
        pub const ALL: &[&str] = &[$($action),*];
    };
}

actions! {
    /// Create a client.
    CLIENT_CREATE = "admin:client.create";
    /// Read clients.
    CLIENT_READ = "admin:client.read";
    /// Change a client.
    CLIENT_UPDATE = "admin:client.update";
    /// Delete a client.
    CLIENT_DELETE = "admin:client.delete";
    /// Rotate a client's secret.
    CLIENT_ROTATE_SECRET = "admin:client.rotate_secret";
    /// Rotate a client's keys.
    CLIENT_ROTATE_KEYS = "admin:client.rotate_keys";
    /// Read tokens.
    TOKEN_READ = "admin:token.read";
    /// Revoke tokens.
    TOKEN_REVOKE = "admin:token.revoke";
    /// Read the list of revoked tokens.
    TOKEN_REVOKED = "admin:token.revoked";
    /// Read the global settings.
    SETTINGS_READ = "admin:settings.read";
    /// Change the global settings.
    SETTINGS_UPDATE = "admin:settings.update";
    /// Read the catalog of scopes.
    SCOPE_READ = "admin:scope.read";
    /// Read policies and decisions.
    POLICY_READ = "admin:policy.read";
    /// Reload the policies.
    POLICY_RELOAD = "admin:policy.reload";
    /// Create a user.
    USER_CREATE = "admin:user.create";
    /// Read users.
    USER_READ = "admin:user.read";
    /// Change a user.
    USER_UPDATE = "admin:user.update";
    /// Delete a user.
    USER_DELETE = "admin:user.delete";
    /// Read users' sessions.
    SESSION_READ = "admin:session.read";
    /// End users' sessions.
    SESSION_END = "admin:session.end";
    /// Read the signing keys.
    KEY_READ = "admin:key.read";
    /// Rotate the signing keys.
    KEY_ROTATE = "admin:key.rotate";
    /// Ask what the policies permit: AuthZEN's evaluations.
    DECISION_EVALUATE = "admin:decision.evaluate";
    /// Search who may do what: AuthZEN's searches.
    DECISION_SEARCH = "admin:decision.search";
    /// State address, time, request and properties of a subject, and be believed.
    DECISION_ASSERT = "admin:decision.assert";
    /// Read the audit log.
    AUDIT_READ = "admin:audit.read";
}

/// What stands for a client that shows its secret instead of a token.
pub const RESOURCE_SERVERS: [&str; 5] =
    [DECISION_EVALUATE, DECISION_SEARCH, DECISION_ASSERT, POLICY_READ, TOKEN_REVOKED];

#[cfg(test)]
mod tests {
    #[test]
    fn the_constants_are_the_catalogs() {
        let catalog = super::super::catalog::Catalog::built_in();
        let mut mine: Vec<&str> = super::ALL.to_vec();
        mine.sort_unstable();
        let theirs: Vec<&str> = catalog.actions().map(|action| action.scope.as_str()).collect();
        assert_eq!(mine, theirs);
    }
}
