-- room: pipelines
CREATE TABLE pipeline_versions (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  digest TEXT NOT NULL,
  tree TEXT NOT NULL,
  spec TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  -- An old version that is sent in again is the newest again.
  submitted_at BIGINT NOT NULL,
  UNIQUE (project, digest)
);

CREATE INDEX pipeline_versions_by_time ON pipeline_versions (project, submitted_at);

-- state is written by compare-and-set and never leaves a final value; desired_state says what people want.
CREATE TABLE pipeline_runs (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  version_id TEXT NOT NULL,
  state TEXT NOT NULL,
  desired_state TEXT NOT NULL,
  outcome TEXT,
  message TEXT NOT NULL,
  trigger_kind TEXT NOT NULL,
  params TEXT NOT NULL,
  options TEXT NOT NULL,
  experiment_id TEXT,
  environment TEXT,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  started_at BIGINT,
  finished_at BIGINT,
  registered TEXT,
  reproduction TEXT
);

CREATE INDEX pipeline_runs_by_time ON pipeline_runs (created_at, id);
CREATE INDEX pipeline_runs_by_project ON pipeline_runs (project, created_at, id);
CREATE INDEX pipeline_runs_by_state ON pipeline_runs (state);

CREATE TABLE pipeline_steps (
  run_id TEXT NOT NULL,
  name TEXT NOT NULL,
  project TEXT NOT NULL,
  position BIGINT NOT NULL,
  state TEXT NOT NULL,
  cache_key TEXT,
  key_parts TEXT,
  keyed_at BIGINT,
  reason TEXT NOT NULL,
  changes TEXT NOT NULL,
  compared_with TEXT,
  from_run TEXT,
  outputs TEXT NOT NULL,
  metrics TEXT NOT NULL,
  failure TEXT,
  tracking_run_id TEXT,
  ready_at BIGINT,
  started_at BIGINT,
  finished_at BIGINT,
  retry_at BIGINT,
  PRIMARY KEY (run_id, name)
);

CREATE INDEX pipeline_steps_keyed ON pipeline_steps (project, name, keyed_at);

-- One row for each time that a step is tried. Only the holder of the fence may end it.
CREATE TABLE pipeline_attempts (
  id TEXT PRIMARY KEY,
  run_id TEXT NOT NULL,
  step TEXT NOT NULL,
  number BIGINT NOT NULL,
  state TEXT NOT NULL,
  fence TEXT NOT NULL,
  driver TEXT NOT NULL,
  failure TEXT,
  tracking_run_id TEXT,
  queued_at BIGINT NOT NULL,
  started_at BIGINT,
  finished_at BIGINT,
  cancelled_at BIGINT,
  silent BIGINT NOT NULL,
  cpu_seconds DOUBLE PRECISION,
  max_rss_bytes BIGINT,
  wall_ms BIGINT,
  log_digest TEXT,
  log_bytes BIGINT NOT NULL,
  UNIQUE (run_id, step, number)
);

CREATE TABLE pipeline_cache (
  project TEXT NOT NULL,
  cache_key TEXT NOT NULL,
  run_id TEXT NOT NULL,
  step TEXT NOT NULL,
  outputs TEXT NOT NULL,
  metrics TEXT NOT NULL,
  tracking_run_id TEXT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (project, cache_key)
);
