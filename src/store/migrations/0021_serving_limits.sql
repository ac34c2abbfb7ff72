-- room: serving
-- Bounds that an endpoint has of its own, as JSON.
CREATE TABLE endpoint_limits (
  endpoint TEXT PRIMARY KEY REFERENCES endpoints (name) ON DELETE CASCADE,
  limits TEXT NOT NULL,
  updated_at BIGINT NOT NULL
);
