-- Failed sign-ins of accounts and addresses, where several replicas count them together. The key is a hash, so that any
-- name that somebody types has the same length.
CREATE TABLE sign_in_failures (
    hash BLOB PRIMARY KEY NOT NULL,
    failures INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_failures_expiry ON sign_in_failures (expires_at);
