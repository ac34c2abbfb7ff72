-- room: registry
-- What a scan of a tree of files found; the tree is named by its content, so copies of a version share it.
CREATE TABLE model_scans (
  tree TEXT PRIMARY KEY,
  -- Of the scanner; an older one's verdict is not believed.
  engine BIGINT NOT NULL,
  verdict TEXT NOT NULL,
  findings TEXT NOT NULL,
  files BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  at BIGINT NOT NULL
);

CREATE TABLE model_approvals (
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  principal TEXT NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  comment TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (model, version, principal)
);

-- What the people who promote ask of a model besides the gates of its project file. It outlives the model: one that is made
-- again by the same name is held to it.
CREATE TABLE model_policies (
  model TEXT PRIMARY KEY,
  gates TEXT NOT NULL,
  require_signature BIGINT NOT NULL,
  -- JSON list of public keys as PEM.
  keys TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL
);

CREATE TABLE model_signatures (
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  bundle TEXT NOT NULL,
  -- SHA-256 of the public key as PEM.
  key TEXT NOT NULL,
  signed_by TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (model, version)
);
