-- room: rollout
-- the epoch of the routing table by which callers met the candidate first: rows of earlier ones are of no split
ALTER TABLE rollouts ADD COLUMN split_epoch BIGINT;

-- Routing keys that an A/B has met: each counts once when the sides are counted.
CREATE TABLE rollout_units (
  rollout_id TEXT NOT NULL,
  unit TEXT NOT NULL,
  PRIMARY KEY (rollout_id, unit)
);
