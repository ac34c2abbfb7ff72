-- What the server has signed of a version: the verdict of each reproduction of the run that made it.
CREATE TABLE model_attestations (
  model TEXT NOT NULL,
  version BIGINT NOT NULL,
  -- The pipeline run that is the reproduction, and the number of the rules by which it was graded.
  run_id TEXT NOT NULL,
  rules BIGINT NOT NULL,
  -- A Sigstore bundle: an in-toto statement in a DSSE envelope.
  bundle TEXT NOT NULL,
  -- SHA-256 of the public key as PEM.
  key TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (model, version, run_id, rules)
);
