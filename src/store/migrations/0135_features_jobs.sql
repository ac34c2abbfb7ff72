-- Joins and materialisations of features: what was asked for, what was read, and what came of it. The queue has a job for each that goes on.
CREATE TABLE feature_jobs (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  -- join | materialise
  kind TEXT NOT NULL,
  -- of the service or view
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  -- JSON
  request TEXT NOT NULL,
  -- waiting | running | done | failed | canceled
  state TEXT NOT NULL,
  -- why it failed; else empty
  reason TEXT NOT NULL,
  -- the declared sources as they were read, and the versions of views, JSON
  sources TEXT NOT NULL,
  views TEXT NOT NULL,
  -- JSON; NULL until it is done
  outcome TEXT,
  job_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  started_at BIGINT,
  ended_at BIGINT
);

CREATE INDEX feature_jobs_by_project ON feature_jobs (project, created_at);

CREATE INDEX feature_jobs_by_state ON feature_jobs (state, ended_at);

-- One at a time makes a set of a version.
CREATE UNIQUE INDEX feature_jobs_materialising ON feature_jobs (project, name, version)
  WHERE kind = 'materialise' AND state IN ('waiting', 'running');
