-- room: pipelines
-- Why a study cannot be moved on now, in one sentence; NULL while nothing keeps it.
ALTER TABLE pipeline_studies ADD COLUMN trouble TEXT;

-- What the cluster of an attempt could not be asked or told, in one sentence; NULL where there is nothing to say.
ALTER TABLE pipeline_attempts ADD COLUMN trouble TEXT;
