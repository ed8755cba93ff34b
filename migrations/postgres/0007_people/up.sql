-- Failed sign-ins of accounts and addresses, where several replicas count them together. The key is a hash, so that any
-- name that somebody types has the same length.
CREATE TABLE sign_in_failures (
    hash BYTEA PRIMARY KEY NOT NULL,
    failures BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_in_failures_expiry ON sign_in_failures (expires_at);
