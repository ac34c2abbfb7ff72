-- room: pipelines
-- How often the preparation of a run has thrown, and when it is tried again; NULL when nothing waits.
ALTER TABLE pipeline_runs ADD COLUMN preparation_failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pipeline_runs ADD COLUMN preparation_retry_at BIGINT;

CREATE INDEX pipeline_runs_by_preparation ON pipeline_runs (project) WHERE preparation_failures > 0;
