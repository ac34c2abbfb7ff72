-- room: envs
-- An environment is known by the hash of its resolved lock, the interpreter's full version and the platform.
CREATE TABLE environments (
  digest TEXT PRIMARY KEY,
  python_version TEXT NOT NULL,
  platform TEXT NOT NULL,
  lock_text TEXT NOT NULL,
  packages TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
