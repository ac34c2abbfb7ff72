-- room: tracking
-- Where the history of metrics is read: every point, wherever it lies. last_timestamp is no less than the point's own timestamp;
-- a condition on it spares the chunks that end before.
-- only: sqlite
CREATE VIEW metric_history AS
SELECT run_id, key, timestamp, step, value, is_nan, timestamp AS last_timestamp FROM metric_points;
-- only: postgres
-- Several points of one metric that were written together, all later by (step, timestamp, value) than those before them, none
-- NaN: one row costs PostgreSQL about what two points as rows of their own do. No point lies in two places.
CREATE TABLE metric_chunks (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  first_timestamp BIGINT NOT NULL,
  last_timestamp BIGINT NOT NULL,
  timestamps BIGINT[] NOT NULL,
  steps BIGINT[] NOT NULL,
  numbers DOUBLE PRECISION[] NOT NULL
);

CREATE INDEX metric_chunks_by_time ON metric_chunks (run_id, key, last_timestamp);

-- 1 when all numbers that were written last to this metric came after its last one.
ALTER TABLE latest_metrics ADD COLUMN appended BIGINT NOT NULL DEFAULT 0;

CREATE VIEW metric_history AS
SELECT run_id, key, timestamp, step, value, is_nan, timestamp AS last_timestamp FROM metric_points
UNION ALL
SELECT c.run_id, c.key, p.timestamp, p.step, p.value, CAST(0 AS BIGINT), c.last_timestamp
FROM metric_chunks c CROSS JOIN LATERAL unnest(c.timestamps, c.steps, c.numbers) AS p (timestamp, step, value);
