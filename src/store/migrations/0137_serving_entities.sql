-- room: serving
-- JSON of the keys and fields of a request by which the gateway looked up features, by name; null where it looked up none.
ALTER TABLE predictions ADD COLUMN entity TEXT;
