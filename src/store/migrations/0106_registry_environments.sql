-- Environments: where images of models stand, each after another one. `keys` is a JSON list of public keys as PEM.
CREATE TABLE image_environments (
  name TEXT PRIMARY KEY,
  after TEXT,
  repository TEXT NOT NULL,
  keys TEXT NOT NULL,
  -- 1 = the gates of models are asked.
  gated BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL
);

-- Every promotion of an image; the last one of an environment says what stands there.
CREATE TABLE image_promotions (
  id TEXT PRIMARY KEY,
  seq BIGINT NOT NULL,
  model TEXT NOT NULL,
  environment TEXT NOT NULL,
  digest TEXT NOT NULL,
  from_digest TEXT,
  version BIGINT NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  verdict_id TEXT,
  -- What did not hold, where it was overridden.
  refusal TEXT,
  -- 1 = the digest had stood there before and came back.
  returned BIGINT NOT NULL
);

CREATE INDEX image_promotions_by_model ON image_promotions (model, seq);
