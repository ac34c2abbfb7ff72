-- room: tracking
-- The index by which runs are found by a metric's last number names the runs itself, as it does on SQLite, whose index ends with
-- the primary key: what several comparisons share is found without a look at the table.
-- only: postgres
DROP INDEX latest_metrics_by_value;

CREATE INDEX latest_metrics_by_value ON latest_metrics (experiment_id, key, is_nan, value, run_id);
