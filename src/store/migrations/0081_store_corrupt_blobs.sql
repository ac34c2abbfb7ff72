-- room: store
-- Blobs whose bytes are not those of their digest: they are refused to whoever reads them until they are stored again. Times in ms.
CREATE TABLE corrupt_blobs (
  digest TEXT PRIMARY KEY,
  -- Bytes, as the blob was listed.
  size BIGINT NOT NULL,
  found_at BIGINT NOT NULL,
  -- look: the nightly look; read: someone who read it.
  found_by TEXT NOT NULL
);
