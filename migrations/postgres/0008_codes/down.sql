CREATE INDEX access_tokens_code ON access_tokens (code_hash) WHERE code_hash IS NOT NULL;
ALTER TABLE authorization_codes DROP COLUMN token_jti;
