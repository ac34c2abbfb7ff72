-- Definitions of features: entities, views, on-demand features and services, each in versions that never change.
CREATE TABLE feature_names (
  project TEXT NOT NULL,
  -- entity | view | on_demand | service
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  latest BIGINT NOT NULL,
  -- description, owner and tags, JSON; a change of them makes no version
  about TEXT NOT NULL,
  changed_at BIGINT NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (project, kind, name)
);

CREATE TABLE feature_versions (
  project TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  -- of the definition and its sources
  digest TEXT NOT NULL,
  definition TEXT NOT NULL,
  -- of a view, the declared sources that it reads, by name, JSON; else {}
  sources TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  PRIMARY KEY (project, kind, name, version)
);
