-- Durable work. A job is waiting until run_at, running while its lease holds, then done or dead. Times are ms since 1970.
CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  -- At most one waiting job of a kind has a given key: work that is asked for again before it began is done once.
  key TEXT,
  -- Jobs of one lane run one at a time.
  lane TEXT,
  payload TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'dead')),
  run_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  max_attempts BIGINT NOT NULL,
  -- Grows with each claim; only the holder of the latest may finish the job.
  fence BIGINT NOT NULL,
  worker TEXT,
  lease_until BIGINT,
  last_error TEXT,
  created_at BIGINT NOT NULL,
  finished_at BIGINT
);
CREATE UNIQUE INDEX jobs_waiting_key ON jobs (kind, key) WHERE key IS NOT NULL AND state = 'waiting';
CREATE UNIQUE INDEX jobs_running_lane ON jobs (lane) WHERE lane IS NOT NULL AND state = 'running';
CREATE INDEX jobs_waiting ON jobs (run_at, id) WHERE state = 'waiting';
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE state IN ('done', 'dead');

-- Cron schedules. next_fire is moved on in the transaction that enqueues the job, so a time fires once.
CREATE TABLE schedules (
  name TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  cron TEXT NOT NULL,
  timezone TEXT NOT NULL,
  missed TEXT NOT NULL CHECK (missed IN ('skip', 'last', 'all')),
  overlap TEXT NOT NULL CHECK (overlap IN ('allow', 'skip', 'queue')),
  enabled BIGINT NOT NULL,
  next_fire BIGINT,
  last_fire BIGINT,
  last_job TEXT
);
CREATE INDEX schedules_next ON schedules (next_fire) WHERE enabled = 1;

-- Who runs a loop of which there may be only one. The fence grows with each change of holder.
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT,
  fence BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
