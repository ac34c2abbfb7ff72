-- Digest of the tree with a version's native form, from which any server lays it out; NULL for what is not native, and for
-- a version that was lowered before this column was there, until it is needed the next time.
ALTER TABLE model_versions ADD COLUMN lowering_tree TEXT;
