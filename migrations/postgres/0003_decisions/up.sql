-- Grants stand in the audit log beside administration. The id of a grant's row is that of its request, so only the
-- others need an index to be found by it.
ALTER TABLE audit ADD COLUMN kind TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE audit ADD COLUMN jti TEXT;
CREATE INDEX audit_request ON audit (request_id) WHERE kind <> 'grant';
CREATE INDEX audit_jti ON audit (jti) WHERE jti IS NOT NULL;
