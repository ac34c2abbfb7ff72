-- Searches over the params of a pipeline. plan is the section search of the project file with what was given at the start; who is the principal
-- for whom its runs are made. run_of_winner is named before it is made, so that it is made once.
CREATE TABLE pipeline_studies (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  version_id TEXT NOT NULL,
  plan TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  -- How it is to end once nothing is under way; NULL while it is to go on.
  ending TEXT,
  who TEXT NOT NULL,
  -- How often it was resumed; part of the names of its runs.
  round BIGINT NOT NULL,
  run_of_winner TEXT,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  -- When it began or was resumed last, for its budget of time.
  started_at BIGINT NOT NULL,
  finished_at BIGINT
);

CREATE INDEX pipeline_studies_by_time ON pipeline_studies (created_at, id);
CREATE INDEX pipeline_studies_by_project ON pipeline_studies (project, created_at, id);
CREATE INDEX pipeline_studies_by_state ON pipeline_studies (state);

-- A trial has the name of its run from the beginning, so that a server that dies in between makes no second one.
CREATE TABLE pipeline_trials (
  study_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  params TEXT NOT NULL,
  state TEXT NOT NULL,
  run_id TEXT NOT NULL,
  value DOUBLE PRECISION,
  -- Where a grid goes on behind it.
  position BIGINT NOT NULL,
  -- The step up to which the stop rule has judged it, -1 at first, and the one at which it was stopped.
  judged BIGINT NOT NULL,
  pruned_at BIGINT,
  message TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  finished_at BIGINT,
  PRIMARY KEY (study_id, number)
);
