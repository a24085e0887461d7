-- What `tacit okta apply` made in an org, so that it finds it again, changes nothing else, and can take it away.
CREATE TABLE okta_objects (
  set_name TEXT NOT NULL,                  -- `name` of the TOML file
  org TEXT NOT NULL,                       -- Okta's id of the org
  kind TEXT NOT NULL,
  name TEXT NOT NULL,                      -- in the file
  okta_id TEXT NOT NULL,                   -- '' until it is known
  parent_id TEXT NOT NULL,                 -- of what it is part of; '' = nothing
  state TEXT NOT NULL,                     -- intended | made
  adopted BIGINT NOT NULL,                 -- 1: it was there before
  secret TEXT NOT NULL,                    -- fingerprint of the secret that was sent, under the master key; '' = none
  holder TEXT NOT NULL,                    -- whose intention it is
  intended_at BIGINT NOT NULL,
  made_at BIGINT NOT NULL,                 -- 0 while intended
  PRIMARY KEY (set_name, org, kind, name)
);
