-- Explained rows by event hour (whole hours since 1970), and what each input added to their scores: JSON of [name, sum of absolute contributions].
CREATE TABLE monitor_attributions (
  endpoint TEXT NOT NULL,
  version TEXT NOT NULL,
  hour BIGINT NOT NULL,
  rows BIGINT NOT NULL,
  sums TEXT NOT NULL,
  PRIMARY KEY (endpoint, version, hour)
);
