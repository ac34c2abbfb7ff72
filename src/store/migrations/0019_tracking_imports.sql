-- room: tracking
-- What was brought in from elsewhere: one row a source, and the parts of it that are wholly here.
CREATE TABLE tracking_imports (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  place TEXT NOT NULL,
  state TEXT NOT NULL,
  added BIGINT NOT NULL,
  same BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  finished_at BIGINT,
  started_by TEXT NOT NULL,
  UNIQUE (kind, place)
);

CREATE TABLE tracking_import_parts (
  import_id TEXT NOT NULL,
  part TEXT NOT NULL,
  PRIMARY KEY (import_id, part)
);
