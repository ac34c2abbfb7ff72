-- room: pipelines
-- What is asked of the cluster for an attempt, as JSON, until the cluster has its job; a server that is started anew sends it again. NULL once it has.
ALTER TABLE pipeline_nodes ADD COLUMN unsent TEXT;
