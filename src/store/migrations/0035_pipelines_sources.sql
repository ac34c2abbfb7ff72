-- room: pipelines
-- What git said of the folder that a version was made from, as JSON; by its own digest, since many runs share one.
CREATE TABLE pipeline_sources (
  id TEXT PRIMARY KEY,
  source TEXT NOT NULL
);

-- Of the last time that the version was sent in, and as it was when the run was made. NULL where git said nothing.
ALTER TABLE pipeline_versions ADD COLUMN source_id TEXT;

ALTER TABLE pipeline_runs ADD COLUMN source_id TEXT;
