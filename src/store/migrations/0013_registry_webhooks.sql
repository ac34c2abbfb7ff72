-- room: registry
-- Webhooks, and the outbox of what they are to be told: a delivery is written in the transaction of the change it tells.
CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  -- NULL = changes in every project.
  project TEXT,
  name TEXT NOT NULL,
  description TEXT,
  url TEXT NOT NULL,
  -- Sealed with the key of the data folder; NULL = deliveries are not signed.
  secret TEXT,
  status TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE webhook_events (
  webhook TEXT NOT NULL,
  entity TEXT NOT NULL,
  action TEXT NOT NULL,
  position BIGINT NOT NULL,
  PRIMARY KEY (webhook, entity, action)
);

CREATE INDEX webhook_events_by_event ON webhook_events (entity, action);

-- state: waiting | delivered | dead
CREATE TABLE webhook_deliveries (
  id TEXT PRIMARY KEY,
  webhook TEXT NOT NULL,
  entity TEXT NOT NULL,
  action TEXT NOT NULL,
  at BIGINT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at BIGINT,
  ended_at BIGINT
);

CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook, id);

CREATE INDEX webhook_deliveries_by_end ON webhook_deliveries (ended_at);

CREATE TABLE webhook_attempts (
  delivery TEXT NOT NULL,
  number BIGINT NOT NULL,
  at BIGINT NOT NULL,
  ms BIGINT NOT NULL,
  status BIGINT,
  error TEXT,
  reply TEXT,
  PRIMARY KEY (delivery, number)
);
