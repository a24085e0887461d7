-- Notices on their way to people and administrators: written with what they tell of, sent afterwards.

CREATE TABLE outbox (
  id TEXT PRIMARY KEY,                     -- also the local part of the Message-ID: sent twice, it is one message
  state TEXT NOT NULL,                     -- waiting | sent | dead
  recipient TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,                      -- '' once it was sent
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,                  -- of the next attempt; who claims a row moves it on
  problem TEXT NOT NULL,                   -- what the last attempt failed with; '' = nothing
  created_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL                 -- 0 while it waits
);
CREATE INDEX outbox_by_state ON outbox (state, due_at);

-- When a person last passed an ordinary factor in a browser and on a device.
CREATE TABLE prompts (
  user_id TEXT NOT NULL,
  kind TEXT NOT NULL,                      -- browser | device
  value TEXT NOT NULL,                     -- hash of the browser cookie, or the device
  passed_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, kind, value)
);
CREATE INDEX prompts_by_time ON prompts (passed_at);
