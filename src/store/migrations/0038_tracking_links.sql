-- room: tracking
-- Links by which one artifact is read without a credential for a while; a row each until it has expired.
CREATE TABLE artifact_links (
  -- sha256 of the link's secret, hex.
  hash TEXT PRIMARY KEY,
  path TEXT NOT NULL,
  -- The bytes that the link was made for: ranges of one download never mix two files.
  digest TEXT NOT NULL,
  size BIGINT NOT NULL,
  -- Ms since 1970.
  expires_at BIGINT NOT NULL
);

CREATE INDEX artifact_links_by_end ON artifact_links (expires_at);
