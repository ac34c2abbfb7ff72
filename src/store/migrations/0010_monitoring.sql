-- room: monitoring
-- One row an endpoint: how far its rows and labels were taken in, and how far they were judged. Hours are whole hours since 1970.
CREATE TABLE monitors (
  endpoint TEXT PRIMARY KEY,
  seq BIGINT NOT NULL,
  reference TEXT,
  newest_hour BIGINT,
  newest_event BIGINT,
  newest_at BIGINT,
  evaluated_hour BIGINT,
  orphans BIGINT NOT NULL,
  last_run_at BIGINT,
  state TEXT NOT NULL
);

CREATE TABLE monitor_hours (
  endpoint TEXT NOT NULL,
  hour BIGINT NOT NULL,
  rows BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  profile TEXT,
  PRIMARY KEY (endpoint, hour)
);

CREATE INDEX monitor_hours_by_seq ON monitor_hours (endpoint, seq);

CREATE TABLE monitor_references (
  id TEXT PRIMARY KEY,
  spec TEXT NOT NULL,
  limits TEXT NOT NULL,
  hours TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- The checks of one window, one row an hour: JSON of [feature, measure, value, limit, n, state, pages].
CREATE TABLE monitor_windows (
  endpoint TEXT NOT NULL,
  hour BIGINT NOT NULL,
  rows BIGINT NOT NULL,
  results TEXT NOT NULL,
  PRIMARY KEY (endpoint, hour)
);

CREATE TABLE monitor_raises (
  endpoint TEXT NOT NULL,
  feature TEXT NOT NULL,
  measure TEXT NOT NULL,
  threshold DOUBLE PRECISION NOT NULL,
  incident_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (endpoint, feature, measure)
);

-- joined = 1 once the prediction is known.
CREATE TABLE labels (
  endpoint TEXT NOT NULL,
  prediction_id TEXT NOT NULL,
  label DOUBLE PRECISION,
  text TEXT NOT NULL,
  at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  joined BIGINT NOT NULL,
  conflicts BIGINT NOT NULL,
  PRIMARY KEY (endpoint, prediction_id)
);

CREATE TABLE incidents (
  id TEXT PRIMARY KEY,
  endpoint TEXT NOT NULL,
  kind TEXT NOT NULL,
  severity TEXT NOT NULL,
  state TEXT NOT NULL,
  title TEXT NOT NULL,
  opened_at BIGINT NOT NULL,
  opened_event BIGINT NOT NULL,
  began_event BIGINT NOT NULL,
  last_event BIGINT NOT NULL,
  resolved_at BIGINT,
  resolved_event BIGINT,
  pages BIGINT NOT NULL,
  marked BIGINT NOT NULL,
  dismissed BIGINT NOT NULL,
  detail TEXT NOT NULL
);

CREATE INDEX incidents_by_endpoint ON incidents (endpoint, kind, last_event);

-- Each reaction happens once an incident.
CREATE TABLE incident_reactions (
  incident_id TEXT NOT NULL,
  reaction TEXT NOT NULL,
  at BIGINT NOT NULL,
  state TEXT NOT NULL,
  result TEXT NOT NULL,
  PRIMARY KEY (incident_id, reaction)
);
