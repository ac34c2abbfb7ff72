-- room: pipelines
-- What steps have kept of their work: the last good ones of each step and item, from which its next attempt goes on. Rows go when the step has
-- succeeded, and some days after a run that did not.
CREATE TABLE pipeline_checkpoints (
  run_id TEXT NOT NULL,
  -- the name of the row: of an item STEP[NUMBER]
  step TEXT NOT NULL,
  number BIGINT NOT NULL,
  -- the step's cache key: nothing else goes on from it
  cache_key TEXT NOT NULL,
  attempt TEXT NOT NULL,
  -- digest of the tree, and its bytes
  tree TEXT NOT NULL,
  size BIGINT NOT NULL,
  -- what the code calls its step, such as an epoch
  at_step BIGINT,
  made_at BIGINT NOT NULL,
  PRIMARY KEY (run_id, step, number)
);

-- What an attempt said last of its checkpoints, as JSON; NULL for one that keeps none.
ALTER TABLE pipeline_attempts ADD COLUMN checkpoints TEXT;
-- 1 where it may run on a machine that can be taken away; NULL in attempts of before.
ALTER TABLE pipeline_attempts ADD COLUMN spot BIGINT;

-- The same of attempts that nodes run: what was said, and the last good ones that were sent, the newest first.
ALTER TABLE pipeline_nodes ADD COLUMN checkpoint_state TEXT;
ALTER TABLE pipeline_nodes ADD COLUMN checkpoints TEXT;
