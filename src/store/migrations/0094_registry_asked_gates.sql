-- Gates that a registration asked for and that are weaker than those that the model is held to: they wait here until an admin
-- accepts them. `version` is the one that asked last.
CREATE TABLE model_asked_gates (
  model TEXT PRIMARY KEY,
  gates TEXT NOT NULL,
  version BIGINT NOT NULL,
  asked_at BIGINT NOT NULL,
  asked_by TEXT NOT NULL
);

-- Gates of a name whose model was deleted or renamed: the next model of that name begins with them.
CREATE TABLE model_kept_gates (
  model TEXT PRIMARY KEY,
  gates TEXT NOT NULL
);
