-- The least, greatest and first number of each metric beside its last, so that searches need not read its history.
-- Points that are NaN are in none of them; a metric of NaN alone has NULL. first_* is the number at the least (step, timestamp).
ALTER TABLE latest_metrics ADD COLUMN min_value DOUBLE PRECISION;

ALTER TABLE latest_metrics ADD COLUMN max_value DOUBLE PRECISION;

ALTER TABLE latest_metrics ADD COLUMN first_value DOUBLE PRECISION;

ALTER TABLE latest_metrics ADD COLUMN first_step BIGINT;

ALTER TABLE latest_metrics ADD COLUMN first_timestamp BIGINT;

UPDATE latest_metrics SET (min_value, max_value) = (
  SELECT MIN(p.value), MAX(p.value) FROM metric_points p
  WHERE p.run_id = latest_metrics.run_id AND p.key = latest_metrics.key AND p.is_nan = 0
);

UPDATE latest_metrics SET (first_value, first_step, first_timestamp) = (
  SELECT p.value, p.step, p.timestamp FROM metric_points p
  WHERE p.run_id = latest_metrics.run_id AND p.key = latest_metrics.key AND p.is_nan = 0
  ORDER BY p.step, p.timestamp, p.value LIMIT 1
);

CREATE INDEX latest_metrics_by_min ON latest_metrics (experiment_id, key, min_value);

CREATE INDEX latest_metrics_by_max ON latest_metrics (experiment_id, key, max_value);

-- Runs by the content that they read, and by the logged models that they read or made.
CREATE INDEX dataset_inputs_by_digest ON dataset_inputs (digest);

CREATE INDEX run_models_by_model ON run_models (model_id, role);

-- The newest runs of all experiments.
CREATE INDEX runs_by_time ON runs (lifecycle_stage, start_time DESC, run_id);

-- A search that is kept under a name. columns and order_by are JSON lists; entity: run | experiment.
CREATE TABLE saved_searches (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  owner TEXT NOT NULL,
  entity TEXT NOT NULL,
  experiment_ids TEXT NOT NULL,
  filter TEXT NOT NULL,
  order_by TEXT NOT NULL,
  columns TEXT NOT NULL,
  grouping TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (project, name)
);
