-- Images that are made of versions, by their digests. `signatures` is a JSON list of bundles, as they are attached to the image.
CREATE TABLE model_images (
  model TEXT NOT NULL,
  digest TEXT NOT NULL,
  version BIGINT NOT NULL,
  repository TEXT NOT NULL,
  signatures TEXT NOT NULL,
  recorded_at BIGINT NOT NULL,
  recorded_by TEXT NOT NULL,
  PRIMARY KEY (model, digest)
);

ALTER TABLE model_policies ADD COLUMN require_image_signature BIGINT NOT NULL DEFAULT 0;
-- JSON list of the SHA-256 of public keys that are believed no longer.
ALTER TABLE model_policies ADD COLUMN revoked TEXT NOT NULL DEFAULT '[]';
