-- room: pipelines
-- The merge to the main branch that a run was started for, as CI's checkout says; NULL for every other run.
ALTER TABLE pipeline_runs ADD COLUMN merge_commit TEXT;
ALTER TABLE pipeline_runs ADD COLUMN merged_at BIGINT;

CREATE INDEX pipeline_runs_by_merge ON pipeline_runs (created_at, id) WHERE merged_at IS NOT NULL;
