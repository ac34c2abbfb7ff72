-- room: pipelines
-- What the condition of a step came to, as JSON: written once, so that it stands whoever goes on with the run. NULL while it is open, and for steps
-- without a condition.
ALTER TABLE pipeline_steps ADD COLUMN decision TEXT;
