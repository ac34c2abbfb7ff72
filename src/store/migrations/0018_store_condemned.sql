-- room: store
-- Blobs that a collection found unreachable, and since when (ms); they go when they stay so for the grace period.
CREATE TABLE condemned_blobs (
  digest TEXT PRIMARY KEY,
  since BIGINT NOT NULL
);
