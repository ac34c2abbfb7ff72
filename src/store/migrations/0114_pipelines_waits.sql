-- room: pipelines
-- What an attempt that no node has taken up yet waits for, as its cluster says.
ALTER TABLE pipeline_nodes ADD COLUMN waits TEXT;
