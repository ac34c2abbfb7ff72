-- JSON of who made this version answer here although its gates did not hold, when and why: {by, role, at, reason, refusal}.
-- NULL for a version that came by its gates.
ALTER TABLE endpoint_versions ADD COLUMN overridden TEXT;
