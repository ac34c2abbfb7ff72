-- The files that a verdict is on, so that a copy of them under another name is known to be refused. NULL where the server does not have them, and
-- in verdicts that an older process writes.
ALTER TABLE verdicts ADD COLUMN tree TEXT;

UPDATE verdicts SET tree = (SELECT v.tree FROM model_versions v WHERE v.model = verdicts.model AND v.version = verdicts.version);

CREATE INDEX verdicts_by_tree ON verdicts (tree);
