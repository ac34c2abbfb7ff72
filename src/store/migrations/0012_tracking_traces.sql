-- room: tracking
-- Times of a trace in ms since 1970. finalized: 1 once the trace itself was written, so that spans no longer move its times and state.
-- spans_stored: 1 once spans lie in trace_spans; 0 for clients that keep them as an artifact.
CREATE TABLE traces (
  trace_id TEXT PRIMARY KEY,
  experiment_id TEXT NOT NULL,
  project TEXT NOT NULL,
  name TEXT,
  state TEXT NOT NULL,
  client_request_id TEXT,
  request_preview TEXT,
  response_preview TEXT,
  start_ms BIGINT NOT NULL,
  duration_ms BIGINT,
  artifact_uri TEXT NOT NULL,
  spans_stored BIGINT NOT NULL,
  finalized BIGINT NOT NULL
);

CREATE INDEX traces_by_time ON traces (experiment_id, start_ms DESC, trace_id);

CREATE INDEX traces_by_start ON traces (start_ms DESC, trace_id);

CREATE TABLE trace_tags (
  trace_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (trace_id, key)
);

-- Values may be longer than an index entry may be; searches compare the head first.
CREATE INDEX trace_tags_by_value ON trace_tags (key, substr(value, 1, 64));

CREATE TABLE trace_metadata (
  trace_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (trace_id, key)
);

CREATE INDEX trace_metadata_by_value ON trace_metadata (key, substr(value, 1, 64));

-- kind: run (target = run id) | prompt (target = name/version)
CREATE TABLE trace_links (
  trace_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (trace_id, kind, target)
);

CREATE INDEX trace_links_by_target ON trace_links (kind, target);

-- Ids in hex. start_us and end_us are for order and sums; content has the times to the nanosecond.
-- usage: JSON of the tokens that this span names.
CREATE TABLE trace_spans (
  trace_id TEXT NOT NULL,
  span_id TEXT NOT NULL,
  parent_id TEXT,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  status TEXT NOT NULL,
  start_us BIGINT NOT NULL,
  end_us BIGINT,
  model TEXT,
  provider TEXT,
  usage TEXT,
  input_cost DOUBLE PRECISION,
  output_cost DOUBLE PRECISION,
  total_cost DOUBLE PRECISION,
  content TEXT NOT NULL,
  PRIMARY KEY (trace_id, span_id)
);

-- kind: feedback | expectation | issue. value, error and metadata are JSON; number is the value where it is one (true = 1).
CREATE TABLE trace_assessments (
  assessment_id TEXT PRIMARY KEY,
  trace_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source_id TEXT NOT NULL,
  span_id TEXT,
  value TEXT NOT NULL,
  number DOUBLE PRECISION,
  error TEXT,
  rationale TEXT,
  metadata TEXT,
  overrides TEXT,
  valid BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  updated_ms BIGINT NOT NULL
);

CREATE INDEX trace_assessments_by_trace ON trace_assessments (trace_id, position);

CREATE INDEX trace_assessments_by_name ON trace_assessments (kind, name);
