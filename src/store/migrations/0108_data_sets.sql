-- Data sets of projects: a name, and versions that are trees of blobs. A version's number is never given again.
CREATE TABLE data_sets (
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  note TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  last_version BIGINT NOT NULL,
  PRIMARY KEY (project, name)
);

-- The same content is the same version. columns (how each looks, as the contract shows it) and basis (the shape of the profile with its counts,
-- for comparisons) are JSON; NULL until it is profiled, and for what holds no table.
CREATE TABLE data_set_versions (
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  digest TEXT NOT NULL,
  size BIGINT NOT NULL,
  files BIGINT NOT NULL,
  -- profiling | ready | unprofiled
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  table_rows BIGINT,
  columns TEXT,
  basis TEXT,
  made_by TEXT NOT NULL,
  note TEXT NOT NULL,
  tags TEXT NOT NULL,
  -- how old the data is
  data_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  PRIMARY KEY (project, name, version),
  UNIQUE (project, name, digest)
);

CREATE INDEX data_set_versions_by_digest ON data_set_versions (digest);

-- Comparisons that were made, so that they are not made again; what is compared never changes.
CREATE TABLE data_set_diffs (
  before_digest TEXT NOT NULL,
  after_digest TEXT NOT NULL,
  keys TEXT NOT NULL,
  result TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (before_digest, after_digest, keys)
);
