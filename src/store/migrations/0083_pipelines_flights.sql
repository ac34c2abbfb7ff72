-- room: pipelines
-- Steps that run, by key: another with the same key waits for their result.
CREATE INDEX pipeline_steps_flying ON pipeline_steps (project, cache_key) WHERE state = 'running';
