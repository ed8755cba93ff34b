-- What live tokens, remembered or listed, are kept true by: a counter of revocations, and their order in time.

INSERT INTO counters (name, value) VALUES ('tokens', 0), ('probe', 0);
CREATE INDEX access_tokens_revoked ON access_tokens (revoked_at, jti) WHERE revoked_at IS NOT NULL;
