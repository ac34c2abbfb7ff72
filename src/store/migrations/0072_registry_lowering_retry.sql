-- When a version that could not be lowered for want of a network is tried again, ms; NULL for every other version.
ALTER TABLE model_versions ADD COLUMN lowering_retry_at BIGINT;
