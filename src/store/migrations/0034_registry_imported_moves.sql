-- room: registry
-- When a move was brought in from another server, ms; NULL for one that was made, and judged, here.
ALTER TABLE alias_moves ADD COLUMN imported_at BIGINT;
