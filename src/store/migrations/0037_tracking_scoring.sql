-- room: tracking
-- Which share of the traces of an experiment a scorer is to judge, as MLflow's clients set it. Nothing on the server acts on it.
CREATE TABLE scorer_sampling (
  experiment_id TEXT NOT NULL,
  name TEXT NOT NULL,
  config_id TEXT NOT NULL,
  -- 0 to 1.
  sample_rate DOUBLE PRECISION NOT NULL,
  -- The search grammar of traces; NULL = all of them.
  filter TEXT,
  PRIMARY KEY (experiment_id, name)
);
