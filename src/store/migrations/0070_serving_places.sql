-- needs: 0070
-- A version's backend held the absolute paths of the server that prepared it. Now the row says only who scores the version
-- ('native', 'onnx' or 'python'); each server lays the files out for itself.
ALTER TABLE endpoint_versions ADD COLUMN scored_by TEXT;
-- only: sqlite
UPDATE endpoint_versions SET scored_by = json_extract(backend, '$.kind');
-- only: postgres
UPDATE endpoint_versions SET scored_by = backend::json->>'kind';
-- all
ALTER TABLE endpoint_versions DROP COLUMN backend;
