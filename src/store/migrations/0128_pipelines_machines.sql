-- room: pipelines
-- The machine on which an attempt of the local driver runs, as its data folder names it; NULL for attempts of clusters, and of before.
ALTER TABLE pipeline_attempts ADD COLUMN machine TEXT;
