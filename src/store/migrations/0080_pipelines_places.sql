-- room: pipelines
-- What an attempt takes of the machine while it has not ended; attempts of before count as one core.
ALTER TABLE pipeline_attempts ADD COLUMN cpus BIGINT NOT NULL DEFAULT 1;
ALTER TABLE pipeline_attempts ADD COLUMN memory_bytes BIGINT NOT NULL DEFAULT 0;

CREATE INDEX pipeline_attempts_active ON pipeline_attempts (run_id) WHERE state IN ('submitting', 'running');
CREATE INDEX pipeline_attempts_ended ON pipeline_attempts (finished_at);
