-- What a token may do with language models. A token without a row is held to its role and project alone.
CREATE TABLE llm_keys (
  -- Id of the token, which auth keeps.
  token TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  name TEXT NOT NULL,
  -- JSON list of names of endpoints; null = all.
  models TEXT,
  -- Calls and tokens a minute, calls at once; null = no limit.
  rpm BIGINT,
  tpm BIGINT,
  concurrency BIGINT,
  "user" TEXT,
  team TEXT,
  -- JSON list of texts.
  tags TEXT NOT NULL,
  -- 0 = of prompts and answers only digests are kept.
  content BIGINT NOT NULL,
  expires_at BIGINT,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL
);

CREATE INDEX llm_keys_by_project ON llm_keys (project);

CREATE TABLE llm_budgets (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  -- key, user, team, project or tag; `of` says which one.
  scope TEXT NOT NULL,
  "of" TEXT NOT NULL,
  -- day, week, month or total.
  "window" TEXT NOT NULL,
  -- Nanodollars.
  limit_nano BIGINT NOT NULL,
  hard BIGINT NOT NULL,
  -- JSON list of parts of the limit.
  alert_at TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL
);

CREATE INDEX llm_budgets_by_project ON llm_budgets (project);

-- Prices that an operator set or imported, of all projects; rows are added and never changed. Whole picodollars a token;
-- `request` in nanodollars.
CREATE TABLE llm_prices (
  -- SOURCE PROVIDER/MODEL TIME, by which a cost names its price.
  id TEXT PRIMARY KEY,
  -- operator or litellm.
  source TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  input BIGINT NOT NULL,
  output BIGINT NOT NULL,
  cache_read BIGINT,
  cache_write BIGINT,
  request BIGINT NOT NULL,
  max_output BIGINT,
  valid_from BIGINT NOT NULL,
  note TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL
);

CREATE INDEX llm_prices_by_model ON llm_prices (provider, model, valid_from);
