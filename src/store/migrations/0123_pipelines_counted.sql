-- room: pipelines
-- What is counted of attempts: whose they are, how they ended (a class of failure, succeeded or cancelled), which limit of time ended them,
-- how long they had waited for a place, and how many checkpoints they made. What was not written down of attempts of before stays NULL.
ALTER TABLE pipeline_attempts ADD COLUMN project TEXT;
ALTER TABLE pipeline_attempts ADD COLUMN ended_as TEXT;
ALTER TABLE pipeline_attempts ADD COLUMN limit_hit TEXT;
ALTER TABLE pipeline_attempts ADD COLUMN waited_ms BIGINT;
ALTER TABLE pipeline_attempts ADD COLUMN checkpoints_made BIGINT;

UPDATE pipeline_attempts SET
  project = (SELECT r.project FROM pipeline_runs r WHERE r.id = pipeline_attempts.run_id),
  ended_as = CASE
    WHEN state IN ('submitting', 'running') THEN NULL
    WHEN state IN ('succeeded', 'cancelled') THEN state
    WHEN failure LIKE '{"class":"user"%' THEN 'user'
    WHEN failure LIKE '{"class":"environment"%' THEN 'environment'
    WHEN failure LIKE '{"class":"out_of_memory"%' THEN 'out_of_memory'
    WHEN failure LIKE '{"class":"timeout"%' THEN 'timeout'
    WHEN failure LIKE '{"class":"preempted"%' THEN 'preempted'
    ELSE 'infrastructure'
  END;

-- read whole for each look of a monitor, so that no row of the table is
CREATE INDEX pipeline_attempts_counted ON pipeline_attempts (project, driver, ended_as, waited_ms, checkpoints_made);
CREATE INDEX pipeline_attempts_limited ON pipeline_attempts (project, limit_hit) WHERE limit_hit IS NOT NULL;
CREATE INDEX pipeline_runs_overdue ON pipeline_runs (project) WHERE overdue IS NOT NULL;

-- Where a step or item runs, as its run has it; NULL in runs of before.
ALTER TABLE pipeline_steps ADD COLUMN driver TEXT;
-- When its queued_timeout ended it; NULL where it did not.
ALTER TABLE pipeline_steps ADD COLUMN unplaced_at BIGINT;
CREATE INDEX pipeline_steps_unplaced ON pipeline_steps (project) WHERE unplaced_at IS NOT NULL;
