-- room: llm
-- Calls of language models as the gateways logged them; each is written once.
CREATE TABLE llm_calls (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  key_token TEXT,
  user_name TEXT,
  team TEXT,
  provider TEXT,
  model TEXT,
  dialect TEXT NOT NULL,
  stream BIGINT NOT NULL,
  -- ms since 1970; lengths in microseconds
  started BIGINT NOT NULL,
  us BIGINT NOT NULL,
  first_us BIGINT,
  own_us BIGINT NOT NULL,
  status BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  error TEXT,
  -- NULL = the usage is not known
  input_tokens BIGINT,
  output_tokens BIGINT,
  cache_read_tokens BIGINT,
  cache_write_tokens BIGINT,
  reasoning_tokens BIGINT,
  cost_status TEXT NOT NULL,
  -- nanodollars; NULL = the price is not known
  cost BIGINT,
  price TEXT,
  reserved BIGINT NOT NULL,
  -- the trace that shows it; NULL = none was written
  trace TEXT,
  -- JSON: attempts, usage as it was told, what a translation lost, budgets, tags, digests
  rest TEXT NOT NULL,
  -- JSON of request and answer; NULL = only their digests are kept
  content TEXT
);

CREATE INDEX llm_calls_by_time ON llm_calls (started, id);
CREATE INDEX llm_calls_by_project ON llm_calls (project, started, id);
CREATE INDEX llm_calls_by_key ON llm_calls (key_token, started, id);
CREATE INDEX llm_calls_by_endpoint ON llm_calls (endpoint, started, id);

-- few calls fail, and those are looked for
CREATE INDEX llm_calls_by_outcome ON llm_calls (outcome, started, id) WHERE outcome <> 'ok';

CREATE TABLE llm_offsets (
  segment TEXT PRIMARY KEY,
  next BIGINT NOT NULL,
  damaged BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- Nanodollars that calls of a day (UTC; its beginning, ms) were charged to a budget with. Every window is a number of whole days.
CREATE TABLE llm_spent (
  budget TEXT NOT NULL,
  day BIGINT NOT NULL,
  project TEXT NOT NULL,
  spent BIGINT NOT NULL,
  PRIMARY KEY (budget, day)
);

CREATE INDEX llm_spent_by_project ON llm_spent (project);

-- Entries of the ledger for calls of language models: what they cost to the nanodollar, and what was used for it.
ALTER TABLE cost_entries ADD COLUMN provider TEXT;
ALTER TABLE cost_entries ADD COLUMN nanodollars BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cost_entries ADD COLUMN llm_calls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cost_entries ADD COLUMN unpriced_calls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cost_entries ADD COLUMN input_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cost_entries ADD COLUMN output_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cost_entries ADD COLUMN unpriced_tokens BIGINT NOT NULL DEFAULT 0;
