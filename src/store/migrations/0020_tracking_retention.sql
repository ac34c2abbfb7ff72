-- room: tracking
-- When a run was found silent and taken for ended, ms; NULL for one that lives or ended by itself.
ALTER TABLE runs ADD COLUMN lost_at BIGINT;

-- Each time that a run fell silent; resumed_at says when it wrote again, NULL = it has not. Times in ms.
CREATE TABLE run_losses (
  run_id TEXT NOT NULL,
  lost_at BIGINT NOT NULL,
  silent_since BIGINT NOT NULL,
  reason TEXT NOT NULL,
  log TEXT NOT NULL,
  resumed_at BIGINT,
  PRIMARY KEY (run_id, lost_at)
);

-- What may be removed. stage: which runs are looked at; active ones go to the bin, deleted ones are purged.
CREATE TABLE retention_rules (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  -- NULL = all experiments of the project.
  experiment_id TEXT,
  stage TEXT NOT NULL,
  older_than_ms BIGINT NOT NULL,
  filter TEXT NOT NULL,
  keep_best BIGINT NOT NULL,
  keep_order TEXT,
  enabled BIGINT NOT NULL,
  owner TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  UNIQUE (project, name)
);
