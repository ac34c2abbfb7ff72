-- Rows that came after their hour was judged. `redo_hour`: the first hour that is to be judged again for them; `judged_from`: hours before
-- it are not judged again, for they were judged by another reference or by an earlier Slipway, or not at all while the monitor was switched off. Counts of rows:
-- those for hours that were judged already, those too old to be judged again, and those with a time ahead of the clock.
ALTER TABLE monitors ADD COLUMN redo_hour BIGINT;
ALTER TABLE monitors ADD COLUMN judged_from BIGINT;
UPDATE monitors SET judged_from = evaluated_hour WHERE judged_hour IS NOT NULL;
ALTER TABLE monitors ADD COLUMN late_rows BIGINT NOT NULL DEFAULT 0;
ALTER TABLE monitors ADD COLUMN too_late_rows BIGINT NOT NULL DEFAULT 0;
ALTER TABLE monitors ADD COLUMN ahead_rows BIGINT NOT NULL DEFAULT 0;

-- The same counts by the hour of arrival (whole hours since 1970, wall time), of the last days.
CREATE TABLE monitor_arrivals (
  endpoint TEXT NOT NULL,
  hour BIGINT NOT NULL,
  rows BIGINT NOT NULL,
  too_late BIGINT NOT NULL,
  ahead BIGINT NOT NULL,
  PRIMARY KEY (endpoint, hour)
);

-- How things stood before an hour was judged, for the hours that may be judged again: JSON of what one evaluation leaves for the next,
-- and of the incident of drift that was current then.
CREATE TABLE monitor_marks (
  endpoint TEXT NOT NULL,
  hour BIGINT NOT NULL,
  state TEXT NOT NULL,
  incident TEXT,
  PRIMARY KEY (endpoint, hour)
);
