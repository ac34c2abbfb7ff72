-- room: serving
-- the rule of a canary's breaker as JSON {limit, alpha}, from the plan of its rollout; NULL = the default
ALTER TABLE endpoint_variants ADD COLUMN breaker TEXT;
