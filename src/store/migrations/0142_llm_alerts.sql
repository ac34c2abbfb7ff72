-- room: llm
-- Parts of budgets that were reached and told, each once for a window and a limit.
CREATE TABLE llm_alerts (
  budget TEXT NOT NULL,
  -- beginning of the window, ms; 0 for `total`
  since BIGINT NOT NULL,
  -- nanodollars
  limit_nano BIGINT NOT NULL,
  -- of the limit, in millionths
  part BIGINT NOT NULL,
  project TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (budget, since, limit_nano, part)
);

CREATE INDEX llm_alerts_by_project ON llm_alerts (project);
