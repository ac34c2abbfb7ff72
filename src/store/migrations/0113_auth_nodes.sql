-- room: auth
-- A token of the node that runs an attempt: 'claim' to take it up, 'work' to say how it goes; NULL for the token of the step itself.
ALTER TABLE tokens ADD COLUMN node TEXT;
