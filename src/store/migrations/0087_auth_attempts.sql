-- room: auth
-- A token of an attempt of a step: it is gone when the attempt has ended.
ALTER TABLE tokens ADD COLUMN attempt TEXT;

CREATE INDEX tokens_by_attempt ON tokens (attempt);
