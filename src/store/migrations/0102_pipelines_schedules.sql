-- Who decided when a project's pipeline runs by itself, the absence of a schedule included. Without a row here a schedule of before is
-- taken as decided by somebody who may.
CREATE TABLE pipeline_schedules (
  project TEXT PRIMARY KEY,
  role TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at BIGINT NOT NULL
);

-- What of a project file's wish was not taken over when it was last sent in, as a JSON list of sentences; NULL = all was.
ALTER TABLE pipeline_versions ADD COLUMN kept TEXT;
