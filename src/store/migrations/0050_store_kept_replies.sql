-- Calls that came with an idempotency key: who holds each, and what it was answered. Times in ms since 1970.
CREATE TABLE kept_replies (
  -- Token id, or the id of a caller without a token.
  caller TEXT NOT NULL,
  -- Method and path of the route as the contract has it, with its names.
  route TEXT NOT NULL,
  key TEXT NOT NULL,
  -- sha256 of path, query and body, hex.
  hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  -- The process's own mark for the call that is carried out, and until when it is believed to be at it.
  holder TEXT NOT NULL,
  held_until BIGINT NOT NULL,
  -- 1 once a transaction of the call is committed; it is set inside that transaction.
  written BIGINT NOT NULL DEFAULT 0,
  -- The reply; null while there is none. The body is null too where it holds a secret.
  status BIGINT,
  headers TEXT,
  body TEXT,
  PRIMARY KEY (caller, route, key)
);
CREATE INDEX kept_replies_created ON kept_replies (created_at);
