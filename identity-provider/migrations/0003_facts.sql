-- What policy was asked about, so that a decision can be put to another policy: JSON; '' = policy was not asked, or the
-- row is older than this column.
ALTER TABLE decisions ADD COLUMN facts TEXT NOT NULL DEFAULT '';
