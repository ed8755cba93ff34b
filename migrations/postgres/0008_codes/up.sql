-- A code knows the token that it was redeemed for, so that its second use finds what to revoke. An index on the token's
-- side would cost each token a page of its own: hashes lie anywhere.
ALTER TABLE authorization_codes ADD COLUMN token_jti TEXT;
UPDATE authorization_codes
SET token_jti = (SELECT jti FROM access_tokens WHERE access_tokens.code_hash = authorization_codes.hash)
WHERE used_at IS NOT NULL;
DROP INDEX access_tokens_code;
