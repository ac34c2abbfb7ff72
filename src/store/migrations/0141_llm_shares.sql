-- room: llm
-- Servers that charge budgets of language models on this database, each with a money store of its own.
CREATE TABLE llm_servers (
  id TEXT PRIMARY KEY,
  -- for people: host and folder
  name TEXT NOT NULL,
  -- ms, by its own clock
  seen_at BIGINT NOT NULL
);

-- How a window of a hard budget is divided: all that is granted is never more than its limit. Nanodollars.
CREATE TABLE llm_shares (
  budget TEXT NOT NULL,
  -- beginning of the window, ms; 0 for `total`
  since BIGINT NOT NULL,
  -- '' = what was spent before it was divided, and by servers that were removed
  server TEXT NOT NULL,
  project TEXT NOT NULL,
  -- its end, ms; NULL = it never ends
  until BIGINT,
  granted BIGINT NOT NULL,
  -- spent, and reserved by calls under way, as the server said last
  used BIGINT NOT NULL,
  PRIMARY KEY (budget, since, server)
);

CREATE INDEX llm_shares_by_project ON llm_shares (project);
