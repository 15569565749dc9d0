-- Up Migration

CREATE TABLE teams (
  team_id text PRIMARY KEY,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO teams (team_id, name) VALUES ('default', 'Default team');

-- One row an installation. The epoch says which connection owns its runs; a connection of an older epoch cannot write.
CREATE TABLE executors (
  team_id text NOT NULL REFERENCES teams,
  executor_id text NOT NULL,
  principal text NOT NULL,
  level smallint NOT NULL,
  epoch bigint NOT NULL,
  journal_id text NOT NULL,
  name text NOT NULL,
  version text NOT NULL,
  os text NOT NULL,
  arch text NOT NULL,
  runs_started bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  welcomed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (team_id, executor_id)
);

-- A conversation of several runs.
CREATE TABLE sessions (
  team_id text NOT NULL REFERENCES teams,
  session_id text NOT NULL,
  executor_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (team_id, session_id)
);

-- One row a run. `epoch` and `length` are the fence: an append names both, and a stale one changes nothing.
CREATE TABLE runs (
  team_id text NOT NULL REFERENCES teams,
  generation_id text NOT NULL,
  session_id text NOT NULL,
  executor_id text NOT NULL,
  client_ref text NOT NULL,
  level smallint NOT NULL,
  epoch bigint NOT NULL,
  length bigint NOT NULL,
  claims integer NOT NULL DEFAULT 0,
  status text NOT NULL,
  prompt text NOT NULL,
  cwd text NOT NULL,
  mode text NOT NULL,
  model text NOT NULL,
  limits json NOT NULL,
  turns integer NOT NULL DEFAULT 0,
  input_tokens bigint NOT NULL DEFAULT 0,
  output_tokens bigint NOT NULL DEFAULT 0,
  error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  parked_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (team_id, generation_id),
  UNIQUE (team_id, executor_id, client_ref)
);
CREATE INDEX runs_open ON runs (team_id, executor_id, generation_id) WHERE finished_at IS NULL;
CREATE INDEX runs_newest ON runs (team_id, executor_id, created_at DESC);
CREATE INDEX runs_of_session ON runs (team_id, session_id, created_at);

-- The log is the run. `payload` is the fact as every viewer is sent it, `shown` what it shows the model, `internal` what neither sees.
CREATE TABLE run_log (
  team_id text NOT NULL,
  generation_id text NOT NULL,
  position bigint NOT NULL,
  type text NOT NULL,
  payload json NOT NULL,
  shown text,
  internal json,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (team_id, generation_id, position)
);

-- System prompts and tool lists, by the digest that entries name.
CREATE TABLE run_texts (
  team_id text NOT NULL,
  digest text NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (team_id, digest)
);

-- Commands from anywhere, written before they are acknowledged, taken by the run's owner.
CREATE TABLE run_inbox (
  inbox_id bigint GENERATED ALWAYS AS IDENTITY,
  team_id text NOT NULL,
  generation_id text NOT NULL,
  client_ref text NOT NULL,
  type text NOT NULL,
  payload json NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  taken_at timestamptz,
  PRIMARY KEY (team_id, generation_id, client_ref)
);
CREATE INDEX run_inbox_waiting ON run_inbox (team_id, generation_id, inbox_id) WHERE taken_at IS NULL;

-- Down Migration

DROP TABLE run_inbox, run_texts, run_log, runs, sessions, executors, teams;
