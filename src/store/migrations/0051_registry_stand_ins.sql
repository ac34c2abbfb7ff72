-- room: registry
-- 1 = written here for an alias that was brought in without the moves that led to it; its own moves take its place when they come.
ALTER TABLE alias_moves ADD COLUMN stand_in BIGINT NOT NULL DEFAULT 0;
