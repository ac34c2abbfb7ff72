-- room: monitoring
-- What is learned of a reference has another shape now: it is learned anew from the reference table, and profiles are counted again.
UPDATE monitors SET reference = NULL;
UPDATE monitor_hours SET profile = NULL;
DELETE FROM monitor_references;

-- Days of event time (whole days since 1970): the seq of the monitor when rows or labels of the day changed last.
CREATE TABLE monitor_days (
  endpoint TEXT NOT NULL,
  day BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (endpoint, day)
);

CREATE INDEX monitor_days_by_seq ON monitor_days (endpoint, seq);

-- Rows of before count as changed once.
INSERT INTO monitor_days (endpoint, day, seq)
SELECT h.endpoint, h.hour / 24, max(m.seq) FROM monitor_hours h JOIN monitors m ON m.endpoint = h.endpoint
GROUP BY h.endpoint, h.hour / 24;
