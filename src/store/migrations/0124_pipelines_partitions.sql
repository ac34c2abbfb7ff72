-- room: pipelines
-- The partition that a run is of, and the backfill that it belongs to; NULL where there is none.
ALTER TABLE pipeline_runs ADD COLUMN partition_key TEXT;
ALTER TABLE pipeline_runs ADD COLUMN backfill_id TEXT;
CREATE INDEX pipeline_runs_by_partition ON pipeline_runs (project, partition_key, created_at) WHERE partition_key IS NOT NULL;

-- The newest run of each partition that has one. position is the start of a stretch of time in ms, or the place in a list.
CREATE TABLE pipeline_partitions (
  project TEXT NOT NULL,
  partition_key TEXT NOT NULL,
  position BIGINT NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (project, partition_key)
);

-- Backfills: a run for each partition of a range. who is the principal for whom its runs are made, plan what was asked for.
CREATE TABLE pipeline_backfills (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  version_id TEXT NOT NULL,
  plan TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  -- Why it cannot be moved on now, in one sentence; NULL while nothing keeps it.
  trouble TEXT,
  who TEXT NOT NULL,
  -- How often it was retried; part of the names of its runs.
  round BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  finished_at BIGINT
);

CREATE INDEX pipeline_backfills_by_time ON pipeline_backfills (created_at, id);
CREATE INDEX pipeline_backfills_by_project ON pipeline_backfills (project, created_at, id);
CREATE INDEX pipeline_backfills_by_state ON pipeline_backfills (state);

-- A partition has the name of its run from the beginning, so that a server that dies in between makes no second one.
CREATE TABLE pipeline_backfill_partitions (
  backfill_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  partition_key TEXT NOT NULL,
  state TEXT NOT NULL,
  run_id TEXT NOT NULL,
  -- The run that run_id repeats, of which it takes over what succeeded; NULL where it repeats none.
  before_run TEXT,
  message TEXT NOT NULL,
  begun_at BIGINT,
  finished_at BIGINT,
  PRIMARY KEY (backfill_id, number)
);

CREATE INDEX pipeline_backfill_partitions_by_state ON pipeline_backfill_partitions (backfill_id, state, number);
CREATE INDEX pipeline_backfill_partitions_by_begin ON pipeline_backfill_partitions (backfill_id, begun_at);
