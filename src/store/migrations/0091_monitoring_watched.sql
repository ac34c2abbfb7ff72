-- The first hour after the last one that was judged: evaluated_hour also passes over hours that had too few rows or no limits.
ALTER TABLE monitors ADD COLUMN judged_hour BIGINT;
UPDATE monitors SET judged_hour =
  (SELECT max(w.hour) + 1 FROM monitor_windows w WHERE w.endpoint = monitors.endpoint);

-- Whether an endpoint is watched. `reason` says since `since` (ms) why it is not, or not yet; null while it is. `unwatched_since` is since
-- when nothing watches it, whatever the reasons were; `looked_at` is when that was looked at. `fault` is why its hours could not be
-- judged, `unfit` why the reference `unfit_reference` cannot be learned.
CREATE TABLE monitor_watch (
  endpoint TEXT PRIMARY KEY,
  reason TEXT,
  since BIGINT,
  unwatched_since BIGINT,
  looked_at BIGINT,
  fault TEXT,
  fault_at BIGINT,
  unfit TEXT,
  unfit_code TEXT,
  unfit_reference TEXT
);
