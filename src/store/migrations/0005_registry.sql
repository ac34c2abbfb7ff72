-- room: registry
-- A deleted model leaves its alias moves and verdicts: they say what was true then.
CREATE TABLE registered_models (
  name TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  description TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  last_version BIGINT NOT NULL,
  gates TEXT NOT NULL
);

CREATE TABLE registered_model_tags (
  model TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (model, key)
);

CREATE TABLE model_versions (
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  description TEXT NOT NULL,
  source TEXT NOT NULL,
  storage TEXT NOT NULL,
  run_id TEXT,
  run_link TEXT NOT NULL,
  model_id TEXT,
  stage TEXT NOT NULL,
  pipeline_run_id TEXT,
  tree TEXT,
  size BIGINT NOT NULL,
  signature TEXT,
  metrics TEXT NOT NULL,
  data TEXT NOT NULL,
  environment TEXT,
  evaluation TEXT,
  holdout TEXT,
  reference TEXT,
  lowering_state TEXT NOT NULL,
  lowering_reason TEXT,
  lowering_probes BIGINT,
  lowering_ulp DOUBLE PRECISION,
  verdict_id TEXT,
  reproducibility TEXT,
  deployment TEXT,
  rollout_id TEXT,
  deleted_at BIGINT,
  PRIMARY KEY (model, version)
);

CREATE INDEX model_versions_by_run ON model_versions (run_id);

CREATE INDEX model_versions_by_update ON model_versions (updated_at DESC, model, version DESC);

CREATE INDEX model_versions_wanted ON model_versions (rollout_id, deployment);

CREATE TABLE model_version_tags (
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (model, version, key)
);

CREATE TABLE model_aliases (
  model TEXT NOT NULL,
  alias TEXT NOT NULL,
  version BIGINT NOT NULL,
  moved_at BIGINT NOT NULL,
  PRIMARY KEY (model, alias)
);

CREATE TABLE alias_moves (
  id TEXT PRIMARY KEY,
  seq BIGINT NOT NULL,
  model TEXT NOT NULL,
  alias TEXT NOT NULL,
  from_version BIGINT,
  to_version BIGINT,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  verdict_id TEXT
);

CREATE INDEX alias_moves_by_model ON alias_moves (model, seq);

CREATE TABLE verdicts (
  id TEXT PRIMARY KEY,
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  at BIGINT NOT NULL,
  passed BIGINT NOT NULL,
  against TEXT,
  results TEXT NOT NULL,
  inputs TEXT NOT NULL
);

CREATE INDEX verdicts_by_version ON verdicts (model, version, at);
