-- Messages about incidents: each is written in the transaction of the change that it tells, and sent in order of position for its route.
CREATE TABLE notices (
  id TEXT PRIMARY KEY,
  endpoint TEXT NOT NULL,
  -- Name of the webhook in the settings of the monitor, where its address lies.
  route TEXT NOT NULL,
  position BIGINT NOT NULL,
  incident_id TEXT NOT NULL,
  -- 1 = the incident fires for this route, 0 = it does not any more.
  firing BIGINT NOT NULL,
  -- Entries of the incident's timeline that this and earlier messages tell.
  entries BIGINT NOT NULL,
  at BIGINT NOT NULL,
  body TEXT NOT NULL,
  -- waiting | delivered | dead
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at BIGINT,
  ended_at BIGINT,
  -- Of the last attempt.
  status BIGINT,
  error TEXT
);

CREATE UNIQUE INDEX notices_by_route ON notices (endpoint, route, position);

CREATE INDEX notices_by_incident ON notices (incident_id, route, position);

CREATE INDEX notices_waiting ON notices (endpoint, route, position) WHERE state = 'waiting';

CREATE INDEX notices_by_end ON notices (ended_at);
