-- room: pipelines
-- Attempts that nodes run: what they were handed, who took them up, and what they said of them. Rows go when the attempt has been collected.
CREATE TABLE pipeline_nodes (
  attempt TEXT NOT NULL PRIMARY KEY,
  fence TEXT NOT NULL,
  driver TEXT NOT NULL,
  -- sealed, for it holds the values of secrets
  work TEXT NOT NULL,
  submitted_at BIGINT NOT NULL,
  -- hash of the text by which the process that took it up is known
  claimant TEXT,
  host TEXT,
  claimed_at BIGINT,
  beat_at BIGINT,
  beat TEXT,
  -- bytes of its log that are kept, and at most
  log_size BIGINT NOT NULL,
  log_limit BIGINT NOT NULL,
  -- 'cancel' asks it to end, 'kill' hears nothing more of it
  stop TEXT,
  ended TEXT,
  outputs TEXT
);

CREATE INDEX pipeline_nodes_by_driver ON pipeline_nodes (driver);

-- Pieces of logs in their order; the bytes are blobs.
CREATE TABLE pipeline_node_pieces (
  attempt TEXT NOT NULL,
  at BIGINT NOT NULL,
  size BIGINT NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (attempt, at)
);

-- Files that a node has sent; an output is made of these and of what the attempt was given.
CREATE TABLE pipeline_node_files (
  attempt TEXT NOT NULL,
  digest TEXT NOT NULL,
  size BIGINT NOT NULL,
  PRIMARY KEY (attempt, digest)
);
