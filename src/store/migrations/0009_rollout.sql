-- room: rollout
CREATE TABLE rollouts (
  id TEXT PRIMARY KEY,
  endpoint TEXT NOT NULL,
  model TEXT NOT NULL,
  version TEXT NOT NULL,
  stable_version TEXT,
  state TEXT NOT NULL,
  -- index of the plan's step: 0 = shadow, 1… = canary weights
  step BIGINT NOT NULL,
  plan TEXT NOT NULL,
  slices TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  finished_at BIGINT,
  -- event time of the first observation of the present step and of the newest one, ms
  first_event BIGINT,
  last_event BIGINT,
  -- number of the newest row of observations that the evidence contains
  seq BIGINT NOT NULL,
  evidence TEXT NOT NULL,
  curve TEXT NOT NULL,
  -- counts at the beginning of the present step
  step_from TEXT NOT NULL,
  breaker TEXT
);

CREATE INDEX rollouts_by_endpoint ON rollouts (endpoint, created_at);

CREATE INDEX rollouts_by_state ON rollouts (state, created_at);

-- What was seen, in the order in which it was counted: from here a verdict is judged again.
CREATE TABLE rollout_observations (
  rollout_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  observations TEXT NOT NULL,
  PRIMARY KEY (rollout_id, seq)
);

-- Rows that stable and candidate both answered and whose label may still come.
CREATE TABLE rollout_pairs (
  rollout_id TEXT NOT NULL,
  prediction_id TEXT NOT NULL,
  stable DOUBLE PRECISION NOT NULL,
  candidate DOUBLE PRECISION NOT NULL,
  slices TEXT NOT NULL,
  PRIMARY KEY (rollout_id, prediction_id)
);

CREATE TABLE rollout_verdicts (
  id TEXT PRIMARY KEY,
  rollout_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  event_time BIGINT,
  step BIGINT NOT NULL,
  decision TEXT NOT NULL,
  reason TEXT NOT NULL,
  gates TEXT NOT NULL,
  seq BIGINT NOT NULL,
  inputs TEXT NOT NULL
);

CREATE INDEX rollout_verdicts_by_rollout ON rollout_verdicts (rollout_id, at, id);
