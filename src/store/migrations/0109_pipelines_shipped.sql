-- room: pipelines
-- When what an ended run registered was asked for its endpoint apart (`slipway ship --registered`), ms; NULL where the run asked itself.
ALTER TABLE pipeline_runs ADD COLUMN shipped_at BIGINT;
