-- room: tracking
-- first_timestamp is no greater than the point's own timestamp: a condition on it spares the chunks that begin later.
DROP VIEW metric_history;

-- only: sqlite
CREATE VIEW metric_history AS
SELECT run_id, key, timestamp, step, value, is_nan, timestamp AS first_timestamp, timestamp AS last_timestamp FROM metric_points;
-- only: postgres
CREATE VIEW metric_history AS
SELECT run_id, key, timestamp, step, value, is_nan, timestamp AS first_timestamp, timestamp AS last_timestamp FROM metric_points
UNION ALL
SELECT c.run_id, c.key, p.timestamp, p.step, p.value, CAST(0 AS BIGINT), c.first_timestamp, c.last_timestamp
FROM metric_chunks c CROSS JOIN LATERAL unnest(c.timestamps, c.steps, c.numbers) AS p (timestamp, step, value);
