-- room: store
-- Which project has stored which tree lately: whoever knows the digest of another's is not given it.
CREATE TABLE stored_trees (
  digest TEXT NOT NULL,
  project TEXT NOT NULL,
  stored_at BIGINT NOT NULL,
  PRIMARY KEY (digest, project)
);

CREATE INDEX stored_trees_by_time ON stored_trees (stored_at);
