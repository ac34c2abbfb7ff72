-- room: tracking
-- Datasets for evaluation: records with inputs, what is expected of them and where they come from.
CREATE TABLE evaluation_datasets (
  dataset_id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  -- JSON: the types of the fields seen so far.
  schema TEXT,
  records BIGINT NOT NULL,
  created_time BIGINT NOT NULL,
  last_update_time BIGINT NOT NULL,
  created_by TEXT,
  last_updated_by TEXT
);

CREATE INDEX evaluation_datasets_by_time ON evaluation_datasets (created_time DESC, dataset_id);

CREATE TABLE evaluation_dataset_tags (
  dataset_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (dataset_id, key)
);

CREATE TABLE evaluation_dataset_experiments (
  dataset_id TEXT NOT NULL,
  experiment_id TEXT NOT NULL,
  PRIMARY KEY (dataset_id, experiment_id)
);

CREATE INDEX evaluation_datasets_of_experiment ON evaluation_dataset_experiments (experiment_id, dataset_id);

-- A record is known by the hash of its inputs. All values are JSON.
CREATE TABLE evaluation_records (
  dataset_id TEXT NOT NULL,
  record_id TEXT NOT NULL,
  input_hash TEXT NOT NULL,
  inputs TEXT NOT NULL,
  outputs TEXT,
  expectations TEXT,
  tags TEXT,
  source TEXT,
  source_type TEXT,
  source_id TEXT,
  created_time BIGINT NOT NULL,
  last_update_time BIGINT NOT NULL,
  created_by TEXT,
  last_updated_by TEXT,
  PRIMARY KEY (dataset_id, record_id),
  UNIQUE (dataset_id, input_hash)
);

CREATE INDEX evaluation_records_by_time ON evaluation_records (dataset_id, created_time, record_id);

-- Scorers of an experiment, each version as its client serialised it; the server never runs one.
CREATE TABLE scorers (
  experiment_id TEXT NOT NULL,
  name TEXT NOT NULL,
  scorer_id TEXT NOT NULL,
  -- Highest number ever given.
  last_version BIGINT NOT NULL,
  PRIMARY KEY (experiment_id, name)
);

CREATE TABLE scorer_versions (
  experiment_id TEXT NOT NULL,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  serialized TEXT NOT NULL,
  creation_time BIGINT NOT NULL,
  PRIMARY KEY (experiment_id, name, version)
);

-- Projects that were made as MLflow's workspaces; others come into being by the first thing that is put into them.
CREATE TABLE workspaces (
  name TEXT PRIMARY KEY,
  description TEXT,
  created_at BIGINT NOT NULL
);
