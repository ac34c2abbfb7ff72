-- room: tracking
-- What an import brought, so that a later one of the same source may bring it up to date. thing: kind/id, as runs/ab12.
CREATE TABLE tracking_import_origins (
  import_id TEXT NOT NULL,
  thing TEXT NOT NULL,
  PRIMARY KEY (import_id, thing)
);
