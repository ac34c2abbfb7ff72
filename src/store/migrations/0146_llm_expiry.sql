-- Request and answer of old calls are looked for, to be removed.
CREATE INDEX llm_calls_by_content ON llm_calls (started, id) WHERE content IS NOT NULL;
