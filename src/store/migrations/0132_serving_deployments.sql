-- room: serving
-- Each change of the version that an endpoint answers with: from which to which, by whom, when and why.
CREATE TABLE endpoint_deployments (
  endpoint TEXT NOT NULL,
  -- Counts the changes of the endpoint, from 1.
  number BIGINT NOT NULL,
  -- NULL where none answers since then, and where none did before.
  version TEXT,
  previous TEXT,
  at BIGINT NOT NULL,
  -- The name of who did it.
  by_name TEXT NOT NULL,
  -- deployed, promoted, rolled_back or demoted.
  way TEXT NOT NULL,
  reason TEXT NOT NULL,
  -- The rollout that did it; NULL where none did.
  rollout TEXT,
  -- Gates of that rollout that had nothing to judge: JSON, [{gate, reason}].
  not_judged TEXT NOT NULL,
  PRIMARY KEY (endpoint, number)
);
