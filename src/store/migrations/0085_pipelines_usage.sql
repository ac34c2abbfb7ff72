-- room: pipelines
-- Memory of an attempt over time, KiB seconds, and how far its use was measured: whole, partly (its end was not seen) or not.
ALTER TABLE pipeline_attempts ADD COLUMN memory_kib_s BIGINT;
ALTER TABLE pipeline_attempts ADD COLUMN measured TEXT NOT NULL DEFAULT 'whole';

UPDATE pipeline_attempts SET measured = 'not'
WHERE cpu_seconds IS NULL AND started_at IS NOT NULL AND finished_at IS NOT NULL;
