-- room: pipelines
-- How often in a row a fault of the server kept a run from going on, and when it is tried again; NULL when nothing waits.
ALTER TABLE pipeline_runs ADD COLUMN faults BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pipeline_runs ADD COLUMN fault_retry_at BIGINT;
