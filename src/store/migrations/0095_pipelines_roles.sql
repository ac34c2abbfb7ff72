-- The role of whoever submitted a version, and of whoever started a run; NULL of before, and where nobody did. What a project file asks
-- of an endpoint is taken over as far as that role may change endpoints.
ALTER TABLE pipeline_versions ADD COLUMN role TEXT;
ALTER TABLE pipeline_runs ADD COLUMN role TEXT;
