-- room: pipelines
-- What a run read of declared sources, JSON by name: written once, when all of them are read, so that steps, retries and proofs have the same content.
-- NULL for runs that are not prepared yet, and for pipelines without sources.
ALTER TABLE pipeline_runs ADD COLUMN sources TEXT;

-- The last content that each source gave to a project, with what tells whether it has changed since. `place` is the hash of where it is.
CREATE TABLE pipeline_source_reads (
  project TEXT NOT NULL,
  place TEXT NOT NULL,
  pinned TEXT NOT NULL,
  -- what the kind compares to know that nothing has changed; NULL where that cannot be known
  token TEXT,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (project, place)
);
