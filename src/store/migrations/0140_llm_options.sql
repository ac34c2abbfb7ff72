-- room: llm
-- JSON of what is set of an endpoint beside its models (routing, cache, guardrails); NULL = all as by default.
ALTER TABLE gateway_endpoints ADD COLUMN options TEXT;

-- hit, miss, or NULL where the call did without a cache.
ALTER TABLE llm_calls ADD COLUMN cache TEXT;
-- Nanodollars that the answer had cost when it was made.
ALTER TABLE llm_calls ADD COLUMN saved BIGINT NOT NULL DEFAULT 0;
-- JSON list of what guardrails found; NULL = nothing.
ALTER TABLE llm_calls ADD COLUMN guards TEXT;

-- few calls have these, and they are looked for
CREATE INDEX llm_calls_by_hit ON llm_calls (started, id) WHERE cache = 'hit';
CREATE INDEX llm_calls_by_guards ON llm_calls (started, id) WHERE guards IS NOT NULL;
