-- room: tracking
-- Issues: quality problems found in the traces of an experiment. Causes and categories are JSON lists of texts.
CREATE TABLE trace_issues (
  issue_id TEXT PRIMARY KEY,
  experiment_id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  status TEXT NOT NULL,
  severity TEXT,
  root_causes TEXT NOT NULL,
  categories TEXT NOT NULL,
  source_run_id TEXT,
  created_by TEXT,
  created_timestamp BIGINT NOT NULL,
  last_updated_timestamp BIGINT NOT NULL
);

CREATE INDEX trace_issues_by_experiment ON trace_issues (experiment_id, created_timestamp);

-- Credentials of providers of language models. `sealed` is the JSON of the values, unreadable without the key file;
-- `masked` and `auth_config` are JSON objects.
CREATE TABLE gateway_secrets (
  secret_id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  secret_name TEXT NOT NULL,
  sealed TEXT NOT NULL,
  masked TEXT NOT NULL,
  provider TEXT,
  auth_config TEXT,
  created_at BIGINT NOT NULL,
  last_updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  last_updated_by TEXT NOT NULL,
  UNIQUE (project, secret_name)
);

CREATE TABLE gateway_model_definitions (
  model_definition_id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  secret_id TEXT,
  provider TEXT NOT NULL,
  model_name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  last_updated_by TEXT NOT NULL,
  UNIQUE (project, name)
);

CREATE INDEX gateway_model_definitions_by_secret ON gateway_model_definitions (secret_id);

CREATE TABLE gateway_endpoints (
  endpoint_id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  routing_strategy TEXT,
  -- JSON: strategy and max_attempts.
  fallback_config TEXT,
  experiment_id TEXT,
  usage_tracking BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  last_updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  last_updated_by TEXT NOT NULL,
  UNIQUE (project, name)
);

CREATE TABLE gateway_mappings (
  mapping_id TEXT PRIMARY KEY,
  endpoint_id TEXT NOT NULL,
  model_definition_id TEXT NOT NULL,
  linkage_type TEXT NOT NULL,
  weight DOUBLE PRECISION NOT NULL,
  fallback_order BIGINT,
  position BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  UNIQUE (endpoint_id, model_definition_id, linkage_type)
);

CREATE INDEX gateway_mappings_by_definition ON gateway_mappings (model_definition_id);

CREATE TABLE gateway_bindings (
  endpoint_id TEXT NOT NULL,
  resource_type TEXT NOT NULL,
  resource_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  PRIMARY KEY (endpoint_id, resource_type, resource_id)
);

CREATE TABLE gateway_endpoint_tags (
  endpoint_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (endpoint_id, key)
);
