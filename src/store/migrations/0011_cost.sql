-- room: cost
-- A price holds from its time until the next of the same resource; it is never changed.
CREATE TABLE cost_rates (
  resource TEXT NOT NULL,
  from_at BIGINT NOT NULL,
  micro_dollars BIGINT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (resource, from_at)
);

INSERT INTO cost_rates VALUES ('cpu', 0, 40000, 'assumed: about the list price of a vCPU of a general-purpose cloud machine; edit it');
INSERT INTO cost_rates VALUES ('memory', 0, 5000, 'assumed: about the list price of a GiB of memory of a general-purpose cloud machine; edit it');
INSERT INTO cost_rates VALUES ('storage', 0, 80000, 'assumed: about the list price of a GiB of a cloud disk; edit it');

-- Quantities are whole: milliseconds of CPU, KiB seconds of memory and of storage. The prices (micro-dollars a unit) that an
-- entry was written with stay with it, so that its amount can be computed again.
CREATE TABLE cost_entries (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  project TEXT NOT NULL,
  run TEXT,
  endpoint TEXT,
  model TEXT,
  version TEXT,
  outcome TEXT,
  from_at BIGINT NOT NULL,
  to_at BIGINT NOT NULL,
  cpu_ms BIGINT NOT NULL,
  memory_kib_s BIGINT NOT NULL,
  storage_kib_s BIGINT NOT NULL,
  predictions BIGINT NOT NULL,
  cpu_price BIGINT NOT NULL,
  memory_price BIGINT NOT NULL,
  storage_price BIGINT NOT NULL,
  micro_dollars BIGINT NOT NULL
);

CREATE INDEX cost_entries_by_time ON cost_entries (from_at, id);

-- What a counting meter showed last, so that only what was added since is entered.
CREATE TABLE cost_samples (
  meter TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  counters TEXT NOT NULL
);
