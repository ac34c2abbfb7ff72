-- room: pipelines
-- What a step read that its key does not hold, as JSON; 'null' where nobody watched, NULL for results of before.
ALTER TABLE pipeline_steps ADD COLUMN reads TEXT;
ALTER TABLE pipeline_cache ADD COLUMN reads TEXT;
