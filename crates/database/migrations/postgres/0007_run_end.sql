-- How a run ended, finer than its status: whoever joined it ends in the same way.
ALTER TABLE sync_run ADD COLUMN outcome TEXT COLLATE "C"
    CHECK (outcome IN ('done', 'partly', 'blocked', 'refused', 'failed'));
