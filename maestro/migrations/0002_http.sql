-- Up Migration

-- How many inputs were accepted for a run: its end names the number it has seen, so that none is accepted and then lost to the end.
ALTER TABLE runs ADD COLUMN inputs integer NOT NULL DEFAULT 0;

-- The names of the tools an executor said it has, as of its last handshake.
ALTER TABLE executors ADD COLUMN tools text[] NOT NULL DEFAULT '{}';

-- Runs that were asked for over HTTP and that no connection of their executor has taken up yet.
CREATE INDEX runs_queued ON runs (team_id, executor_id) WHERE status = 'queued';
CREATE INDEX runs_of_team ON runs (team_id, created_at DESC, generation_id DESC);

-- Down Migration

DROP INDEX runs_of_team, runs_queued;
ALTER TABLE executors DROP COLUMN tools;
ALTER TABLE runs DROP COLUMN inputs;
