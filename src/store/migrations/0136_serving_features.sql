-- room: serving
-- The feature service, in one version, from which a model version of an endpoint fills what requests leave out.
CREATE TABLE endpoint_features (
  endpoint TEXT NOT NULL REFERENCES endpoints (name) ON DELETE CASCADE,
  -- '' = all that have none of their own
  model_version TEXT NOT NULL,
  service TEXT NOT NULL,
  version BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (endpoint, model_version)
);
