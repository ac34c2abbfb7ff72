-- room: cost
-- 1 where an attempt used more than could be measured, so that its amount is a least one.
ALTER TABLE cost_entries ADD COLUMN unmeasured BIGINT NOT NULL DEFAULT 0;

UPDATE cost_entries SET unmeasured = 1 WHERE kind = 'attempt' AND outcome = 'lost';
