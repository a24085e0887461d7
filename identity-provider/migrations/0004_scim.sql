-- People and groups that an Okta org pushes over SCIM 2.0.

-- Who provisions this person: a connection, or '' for one whom an administrator made here.
ALTER TABLE users ADD COLUMN connection_id TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN external_id TEXT NOT NULL DEFAULT '';      -- the client's id; never ours
ALTER TABLE users ADD COLUMN display_folded TEXT NOT NULL DEFAULT '';   -- displayName in ASCII lower case
ALTER TABLE users ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';        -- JSON of standards::scim::user::User
ALTER TABLE users ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE users SET updated_at = created_at;
-- SCIM's userName is unique without regard to case, also when two processes make it at once.
CREATE UNIQUE INDEX users_by_provisioned_fold ON users (login_folded) WHERE connection_id <> '';
CREATE INDEX users_by_external_id ON users (external_id);

CREATE TABLE scim_groups (
  id TEXT PRIMARY KEY,
  connection_id TEXT NOT NULL,
  name TEXT NOT NULL,
  name_folded TEXT NOT NULL,
  external_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (connection_id, name_folded)
);

CREATE TABLE scim_members (
  group_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (group_id, user_id)
);
CREATE INDEX scim_members_by_user ON scim_members (user_id);

-- What policy and roll-out windows ask: groups that an administrator named here, and groups that were pushed.
CREATE VIEW groups_of_people AS
  SELECT user_id, name FROM user_groups
  UNION
  SELECT m.user_id, g.name FROM scim_members m JOIN scim_groups g ON g.id = m.group_id;

-- Devices of a person who was deactivated or deleted: what to wipe there, and which devices come back with the person.
CREATE TABLE departures (
  user_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  login TEXT NOT NULL,                     -- as the device knows it, also when nobody has it any more
  at BIGINT NOT NULL,
  PRIMARY KEY (user_id, device_id)
);
CREATE INDEX departures_by_device ON departures (device_id);

CREATE INDEX challenges_by_user ON challenges (user_id);

-- A SCIM token is good for one connection; '' for other purposes.
ALTER TABLE tokens ADD COLUMN connection_id TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0;   -- to the hour; 0 = never
