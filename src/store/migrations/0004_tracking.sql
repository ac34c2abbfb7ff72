-- room: tracking
CREATE TABLE experiments (
  experiment_id TEXT PRIMARY KEY,
  seq BIGINT NOT NULL UNIQUE,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  artifact_location TEXT NOT NULL,
  lifecycle_stage TEXT NOT NULL,
  creation_time BIGINT NOT NULL,
  last_update_time BIGINT NOT NULL,
  UNIQUE (project, name)
);

INSERT INTO experiments VALUES ('0', 0, 'default', 'Default', 'mlflow-artifacts:/0', 'active', 0, 0);

CREATE INDEX experiments_by_time ON experiments (creation_time, seq);

CREATE TABLE experiment_tags (
  experiment_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (experiment_id, key)
);

CREATE TABLE runs (
  run_id TEXT PRIMARY KEY,
  experiment_id TEXT NOT NULL,
  project TEXT NOT NULL,
  run_name TEXT NOT NULL,
  user_id TEXT NOT NULL,
  status TEXT NOT NULL,
  start_time BIGINT NOT NULL,
  end_time BIGINT,
  artifact_uri TEXT NOT NULL,
  lifecycle_stage TEXT NOT NULL,
  deleted_time BIGINT,
  heartbeat_at BIGINT NOT NULL
);

CREATE INDEX runs_by_start ON runs (experiment_id, lifecycle_stage, start_time DESC, run_id);

CREATE INDEX runs_by_heartbeat ON runs (status, heartbeat_at);

CREATE TABLE run_params (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run_id, key)
);

-- Values may be longer than an index entry may be; searches compare the head first.
CREATE INDEX run_params_by_value ON run_params (key, substr(value, 1, 64));

CREATE TABLE run_tags (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run_id, key)
);

CREATE INDEX run_tags_by_value ON run_tags (key, substr(value, 1, 64));

-- A point that is NaN has value 0 and is_nan 1. The primary key is the order in which history is read.
-- only: sqlite
CREATE TABLE metric_points (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  timestamp BIGINT NOT NULL,
  step BIGINT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  is_nan BIGINT NOT NULL,
  PRIMARY KEY (run_id, key, timestamp, step, value, is_nan)
) WITHOUT ROWID;

CREATE TABLE latest_metrics (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  experiment_id TEXT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  is_nan BIGINT NOT NULL,
  timestamp BIGINT NOT NULL,
  step BIGINT NOT NULL,
  PRIMARY KEY (run_id, key)
) WITHOUT ROWID;
-- only: postgres
CREATE TABLE metric_points (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  timestamp BIGINT NOT NULL,
  step BIGINT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  is_nan BIGINT NOT NULL,
  PRIMARY KEY (run_id, key, timestamp, step, value, is_nan)
);

CREATE TABLE latest_metrics (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  experiment_id TEXT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  is_nan BIGINT NOT NULL,
  timestamp BIGINT NOT NULL,
  step BIGINT NOT NULL,
  PRIMARY KEY (run_id, key)
);
-- all

CREATE INDEX latest_metrics_by_value ON latest_metrics (experiment_id, key, is_nan, value);

CREATE TABLE datasets (
  experiment_id TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source TEXT NOT NULL,
  schema TEXT,
  profile TEXT,
  PRIMARY KEY (experiment_id, name, digest)
);

CREATE TABLE dataset_inputs (
  run_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  experiment_id TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (run_id, name, digest)
);

CREATE INDEX dataset_inputs_by_name ON dataset_inputs (experiment_id, name, digest);

CREATE TABLE dataset_input_tags (
  run_id TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run_id, name, digest, key)
);

-- role: input | output
CREATE TABLE run_models (
  run_id TEXT NOT NULL,
  role TEXT NOT NULL,
  model_id TEXT NOT NULL,
  step BIGINT NOT NULL,
  position BIGINT NOT NULL,
  PRIMARY KEY (run_id, role, model_id)
);

CREATE TABLE logged_models (
  model_id TEXT PRIMARY KEY,
  experiment_id TEXT NOT NULL,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  model_type TEXT,
  source_run_id TEXT,
  artifact_uri TEXT NOT NULL,
  status TEXT NOT NULL,
  status_message TEXT,
  creation_timestamp BIGINT NOT NULL,
  last_updated_timestamp BIGINT NOT NULL,
  lifecycle_stage TEXT NOT NULL
);

CREATE INDEX logged_models_by_time ON logged_models (experiment_id, lifecycle_stage, creation_timestamp DESC, model_id);

CREATE INDEX logged_models_by_run ON logged_models (source_run_id);

CREATE TABLE logged_model_params (
  model_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (model_id, key)
);

CREATE TABLE logged_model_tags (
  model_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (model_id, key)
);

-- The latest point of a metric of a model, by run and dataset ('' = none).
CREATE TABLE logged_model_metrics (
  model_id TEXT NOT NULL,
  key TEXT NOT NULL,
  run_id TEXT NOT NULL,
  dataset_name TEXT NOT NULL,
  dataset_digest TEXT NOT NULL,
  value DOUBLE PRECISION NOT NULL,
  is_nan BIGINT NOT NULL,
  timestamp BIGINT NOT NULL,
  step BIGINT NOT NULL,
  PRIMARY KEY (model_id, key, run_id, dataset_name, dataset_digest)
);

-- owner: what stands before /artifacts/ in a path, for example <experiment>/<run>; '' = a path without that.
CREATE TABLE artifacts (
  owner TEXT NOT NULL,
  path TEXT NOT NULL,
  digest TEXT NOT NULL,
  size BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (owner, path)
);

CREATE INDEX artifacts_by_digest ON artifacts (digest);

CREATE TABLE artifact_uploads (
  upload_id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  path TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE artifact_upload_parts (
  upload_id TEXT NOT NULL,
  part_number BIGINT NOT NULL,
  digest TEXT NOT NULL,
  size BIGINT NOT NULL,
  PRIMARY KEY (upload_id, part_number)
);
