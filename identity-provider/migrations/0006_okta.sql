-- What we do at an Okta org, and what it tells us.

CREATE TABLE okta_orgs (
  connection_id TEXT PRIMARY KEY,
  org TEXT NOT NULL,                       -- https://acme.okta.com
  sealed_credential TEXT NOT NULL,         -- JSON under the master key: an API token, or a service application's key
  ca TEXT NOT NULL,                        -- PEM that is trusted besides the machine's own; '' = none
  addresses TEXT NOT NULL,                 -- JSON: host to address, where DNS is not asked
  effects TEXT NOT NULL,                   -- JSON: what follows from what
  hook_hash TEXT NOT NULL,                 -- of the event hooks' shared secret; '' = none are taken
  updated_at BIGINT NOT NULL
);

-- What an org has been told of a person, and has told us.
CREATE TABLE okta_people (
  connection_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  login TEXT NOT NULL,                     -- under which okta_id was found
  okta_id TEXT NOT NULL,                   -- 00u…; '' = not looked up yet
  member BIGINT NOT NULL,                  -- of the group that we keep: 1 = in it, 0 = not, -1 = unknown
  registered BIGINT NOT NULL,              -- the attribute that we keep: likewise
  life BIGINT NOT NULL,                    -- what event hooks said last: 1 = active, 0 = nothing, -1 = out
  life_at BIGINT NOT NULL,                 -- when that happened at the org
  watched BIGINT NOT NULL,                 -- likewise of the group that lets people in
  watched_at BIGINT NOT NULL,
  left_by_hook BIGINT NOT NULL,            -- 1 = deactivated because a hook said so, and by nobody else
  PRIMARY KEY (connection_id, user_id)
);
CREATE INDEX okta_people_by_okta_id ON okta_people (okta_id);

-- Calls on their way to an org: written with what causes them, made afterwards.
CREATE TABLE okta_actions (
  id TEXT PRIMARY KEY,                     -- also the jti of a security event: sent twice, it is one event
  state TEXT NOT NULL,                     -- waiting | sent | dead
  connection_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  user_id TEXT NOT NULL,
  login TEXT NOT NULL,                     -- as it was then, for one who is gone since
  cause TEXT NOT NULL,                     -- a challenge, or the action itself: one cause has one action of a kind
  lane TEXT NOT NULL,                      -- actions of one lane are made one after the other
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,                  -- of the next attempt; who claims a row moves it on
  problem TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,                -- 0 while it waits
  UNIQUE (connection_id, kind, cause)
);
CREATE INDEX okta_actions_by_state ON okta_actions (state, due_at);
CREATE INDEX okta_actions_by_lane ON okta_actions (lane, state);
