-- room: pipelines
-- An item of a step with `for_each` is a row of its own, STEP[NUMBER]: `item_of` is the step, `item` its value as JSON, `item_digest` by which it
-- is found again in another list, `position` its number. All three are NULL for steps of the project file.
ALTER TABLE pipeline_steps ADD COLUMN item_of TEXT;
ALTER TABLE pipeline_steps ADD COLUMN item TEXT;
ALTER TABLE pipeline_steps ADD COLUMN item_digest TEXT;

-- Of a step with `for_each`, as JSON: how many items it has, and how many of them are made. NULL for all others, and before that begins.
ALTER TABLE pipeline_steps ADD COLUMN fan TEXT;

-- The step of an attempt of an item; NULL for attempts of steps.
ALTER TABLE pipeline_attempts ADD COLUMN item_of TEXT;

-- A look at a run reads its steps and those items that go on, however many items it has.
CREATE INDEX pipeline_steps_declared ON pipeline_steps (run_id, position) WHERE item_of IS NULL;
CREATE INDEX pipeline_steps_by_state ON pipeline_steps (run_id, state);
CREATE INDEX pipeline_steps_items ON pipeline_steps (run_id, item_of, state, position) WHERE item_of IS NOT NULL;
CREATE INDEX pipeline_steps_same_item ON pipeline_steps (project, item_of, item_digest, keyed_at) WHERE item_of IS NOT NULL;
CREATE INDEX pipeline_attempts_declared ON pipeline_attempts (run_id) WHERE item_of IS NULL;
