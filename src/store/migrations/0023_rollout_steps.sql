-- room: rollout
-- when the present step began by the clock, ms: a step without traffic has no event time to wait by
ALTER TABLE rollouts ADD COLUMN step_at BIGINT;
