-- room: serving
-- The feature service, in one version, from which an endpoint fills what requests leave out.
CREATE TABLE endpoint_features (
  endpoint TEXT PRIMARY KEY REFERENCES endpoints (name) ON DELETE CASCADE,
  service TEXT NOT NULL,
  version BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
