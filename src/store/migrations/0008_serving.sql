-- room: serving
CREATE TABLE endpoints (
  name TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  salt TEXT NOT NULL,
  threshold DOUBLE PRECISION,
  monitor TEXT NOT NULL,
  previous_version TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE endpoint_versions (
  endpoint TEXT NOT NULL,
  version TEXT NOT NULL,
  inputs TEXT NOT NULL,
  backend TEXT NOT NULL,
  reason TEXT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (endpoint, version)
);

CREATE TABLE endpoint_variants (
  endpoint TEXT NOT NULL,
  role TEXT NOT NULL,
  version TEXT NOT NULL,
  weight BIGINT NOT NULL,
  since BIGINT NOT NULL,
  tripped TEXT,
  PRIMARY KEY (endpoint, role, version)
);

CREATE TABLE serving_state (
  id TEXT PRIMARY KEY,
  epoch BIGINT NOT NULL
);

CREATE TABLE predictions (
  endpoint TEXT NOT NULL,
  id TEXT NOT NULL,
  role TEXT NOT NULL,
  version TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  event_time BIGINT NOT NULL,
  at BIGINT NOT NULL,
  latency_us BIGINT NOT NULL,
  status BIGINT NOT NULL,
  route_key TEXT,
  inputs TEXT NOT NULL,
  score DOUBLE PRECISION,
  prediction TEXT NOT NULL,
  fallback BIGINT NOT NULL,
  error TEXT,
  PRIMARY KEY (endpoint, id)
);

CREATE INDEX predictions_by_time ON predictions (endpoint, event_time, id);

CREATE TABLE shadow_predictions (
  endpoint TEXT NOT NULL,
  id TEXT NOT NULL,
  version TEXT NOT NULL,
  event_time BIGINT NOT NULL,
  at BIGINT NOT NULL,
  latency_us BIGINT NOT NULL,
  score DOUBLE PRECISION,
  prediction TEXT NOT NULL,
  error TEXT,
  PRIMARY KEY (endpoint, id, version)
);

CREATE TABLE canary_failures (
  endpoint TEXT NOT NULL,
  id TEXT NOT NULL,
  version TEXT NOT NULL,
  event_time BIGINT NOT NULL,
  at BIGINT NOT NULL,
  latency_us BIGINT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (endpoint, id, version)
);

CREATE TABLE ingest_offsets (
  segment TEXT PRIMARY KEY,
  next BIGINT NOT NULL,
  damaged BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
