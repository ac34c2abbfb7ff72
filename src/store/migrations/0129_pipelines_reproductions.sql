-- room: pipelines
-- Rounds of the schedule of reproductions, by job: of each model that the alias named then, whether it was made again, and how that ended.
CREATE TABLE pipeline_reproductions (
  round TEXT NOT NULL,
  -- Its place in the round, from 0; part of the id of its run.
  position BIGINT NOT NULL,
  model TEXT NOT NULL,
  version TEXT NOT NULL,
  -- The run that made the version; NULL where none did.
  of_run TEXT,
  -- waiting, running, graded or skipped.
  state TEXT NOT NULL,
  run_id TEXT,
  -- The grade before the round, and by it; NULL where there is none.
  grade_before TEXT,
  grade TEXT,
  -- Why it was skipped, or what the grade is given for.
  detail TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT,
  PRIMARY KEY (round, position)
);

CREATE INDEX pipeline_reproductions_by_model ON pipeline_reproductions (model, created_at);
