-- room: store
-- What is wrong with a blob of the list: corrupt: its bytes are not those of its digest; missing: a row needs it, and it is not there.
ALTER TABLE corrupt_blobs ADD COLUMN fault TEXT NOT NULL DEFAULT 'corrupt';
