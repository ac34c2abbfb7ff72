-- room: auth
-- Machines of an issuer of OIDC tokens that may have a token of ours for a while. Nothing in it is a pattern.
CREATE TABLE machine_trusts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  issuer TEXT NOT NULL,
  audience TEXT NOT NULL,
  subject TEXT NOT NULL,
  -- JSON: claim → the text that it must be.
  claims TEXT NOT NULL,
  role TEXT NOT NULL,
  project TEXT NOT NULL,
  minutes BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  removed_at BIGINT
);

CREATE INDEX machine_trusts_by_issuer ON machine_trusts (issuer);

-- ID tokens that were exchanged, by a hash, until they have expired: none is exchanged twice.
CREATE TABLE machine_exchanges (
  hash TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
