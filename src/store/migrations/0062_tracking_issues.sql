-- room: tracking
-- When an issue was last seen, who changed it last, and a JSON object of texts.
ALTER TABLE trace_issues ADD COLUMN last_seen_timestamp BIGINT;
ALTER TABLE trace_issues ADD COLUMN last_updated_by TEXT;
ALTER TABLE trace_issues ADD COLUMN metadata TEXT;
