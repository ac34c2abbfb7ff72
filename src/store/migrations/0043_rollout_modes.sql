-- room: rollout
-- approvals: JSON list of what persons agreed to; group_id: challengers that are compared at once have the same one
ALTER TABLE rollouts ADD COLUMN approvals TEXT NOT NULL DEFAULT '[]';

ALTER TABLE rollouts ADD COLUMN group_id TEXT;

-- when the candidate answered callers first, by the clock, ms
ALTER TABLE rollouts ADD COLUMN canary_at BIGINT;

-- A freeze by hand: nothing goes forward on the endpoint until then (ms; NULL = until it is lifted).
CREATE TABLE rollout_freezes (
  endpoint TEXT PRIMARY KEY,
  reason TEXT NOT NULL,
  until BIGINT,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL
);

-- Values of metrics by what they were posted for. unit: whom the value counts for, once it is known; one value a unit counts.
CREATE TABLE rollout_values (
  rollout_id TEXT NOT NULL,
  metric TEXT NOT NULL,
  posted_for TEXT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  at BIGINT NOT NULL,
  unit TEXT,
  PRIMARY KEY (rollout_id, metric, posted_for)
);

CREATE UNIQUE INDEX rollout_values_by_unit ON rollout_values (rollout_id, metric, unit);
