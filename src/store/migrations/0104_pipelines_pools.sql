-- room: pipelines
-- Pools: so many steps that name one may run at once, of all projects together, and of one project where that has a limit.
CREATE TABLE pipeline_pools (
  name TEXT NOT NULL PRIMARY KEY,
  places BIGINT NOT NULL,
  per_project BIGINT,
  note TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  changed_by TEXT NOT NULL
);

-- The pool that a step names; an attempt holds a place of it until it has ended.
ALTER TABLE pipeline_steps ADD COLUMN pool TEXT;
ALTER TABLE pipeline_attempts ADD COLUMN pool TEXT;
CREATE INDEX pipeline_steps_pooled ON pipeline_steps (pool) WHERE pool IS NOT NULL;
CREATE INDEX pipeline_attempts_pooled ON pipeline_attempts (pool) WHERE pool IS NOT NULL AND state IN ('submitting', 'running');

-- A point of it is worth ten minutes of waiting.
ALTER TABLE pipeline_runs ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;

-- Since when a step with a queued_timeout waits for a place; NULL while it does not.
ALTER TABLE pipeline_steps ADD COLUMN asked_at BIGINT;
-- Since when an attempt is being started: of one before it, where that was lost before its first sign of life; and when that came.
ALTER TABLE pipeline_attempts ADD COLUMN launched_at BIGINT;
ALTER TABLE pipeline_attempts ADD COLUMN begun_at BIGINT;
-- Why a limit of time ended a run; NULL where none did.
ALTER TABLE pipeline_runs ADD COLUMN overdue TEXT;
