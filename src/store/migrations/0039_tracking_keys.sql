-- room: tracking
-- Batches that came with an idempotency key: the same key again writes nothing. Times in ms since 1970.
CREATE TABLE batch_keys (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  -- sha256 of the batch, hex.
  hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (run_id, key)
);
