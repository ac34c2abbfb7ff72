-- room: pipelines
-- Why a run began by itself, in one sentence; NULL where somebody or something else started it.
ALTER TABLE pipeline_runs ADD COLUMN cause TEXT;

-- What starts pipelines by itself: of each project those of the version that was taken in last. spec is as the version has it.
CREATE TABLE pipeline_triggers (
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  -- Since when it watches; what happened before starts nothing.
  since BIGINT NOT NULL,
  -- What a look compares with (of a source: what it gave, and how often that changed); NULL before the first.
  seen TEXT,
  -- How often what is seen has changed; part of the name of the cause.
  changes BIGINT NOT NULL,
  looked_at BIGINT,
  due_at BIGINT NOT NULL,
  -- Why it cannot look, in one sentence, and since when; NULL while it can.
  trouble TEXT,
  trouble_since BIGINT,
  -- The sealed secret of those that others call; NULL before one is made.
  secret TEXT,
  PRIMARY KEY (project, name)
);

-- Who decided last which triggers a project has, as for schedules.
CREATE TABLE pipeline_trigger_decisions (
  project TEXT PRIMARY KEY,
  role TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at BIGINT NOT NULL
);

-- What triggers have noticed: a cause is there once, and with it the run that it started.
CREATE TABLE pipeline_trigger_events (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  cause TEXT NOT NULL,
  what TEXT NOT NULL,
  state TEXT NOT NULL,
  run_id TEXT,
  message TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  UNIQUE (project, name, cause)
);

CREATE INDEX pipeline_trigger_events_by_time ON pipeline_trigger_events (project, name, created_at, id);
CREATE INDEX pipeline_trigger_events_open ON pipeline_trigger_events (project, name, state) WHERE state IN ('waiting', 'starting');

-- Calls of triggers, those that were refused too.
CREATE TABLE pipeline_trigger_deliveries (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  delivery TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE INDEX pipeline_trigger_deliveries_by_time ON pipeline_trigger_deliveries (project, name, created_at, id);
