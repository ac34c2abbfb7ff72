-- Facts about this store that belong to no domain: its id, counters of the store itself.
CREATE TABLE store_facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);
