-- OpenID Provider. A connection with a row in oidc_clients speaks OpenID Connect; any other speaks SAML.

CREATE TABLE oidc_clients (
  connection_id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL UNIQUE,
  registration TEXT NOT NULL,              -- JSON in the words of OpenID Connect Dynamic Client Registration
  assigned_groups TEXT NOT NULL,           -- JSON list; empty means everybody
  subject TEXT NOT NULL,                   -- id | login: what `sub` is
  updated_at BIGINT NOT NULL
);

CREATE TABLE oidc_secrets (
  id TEXT PRIMARY KEY,
  connection_id TEXT NOT NULL,
  hash TEXT NOT NULL,                      -- SHA-256 of 48 random bytes as text
  sealed TEXT NOT NULL,                    -- the text itself under the master key, only where HMACs are computed with it
  created_at BIGINT NOT NULL,
  retired_at BIGINT NOT NULL               -- 0 = in force
);
CREATE INDEX oidc_secrets_by_connection ON oidc_secrets (connection_id);

CREATE TABLE oidc_codes (
  hash TEXT PRIMARY KEY,
  connection_id TEXT NOT NULL,
  challenge_id TEXT NOT NULL UNIQUE,       -- one code per challenge
  expires_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL                  -- 0 = not yet
);
CREATE INDEX oidc_codes_by_expiry ON oidc_codes (expires_at);

CREATE TABLE oidc_tokens (
  hash TEXT PRIMARY KEY,
  connection_id TEXT NOT NULL,
  challenge_id TEXT NOT NULL,              -- the sign-in; `sid` of its ID token
  user_id TEXT NOT NULL,
  browser TEXT NOT NULL,                   -- hash of the cookie of the browser that signed in
  scope TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL               -- 0 = in force
);
CREATE INDEX oidc_tokens_by_challenge ON oidc_tokens (challenge_id);
CREATE INDEX oidc_tokens_by_browser ON oidc_tokens (browser, connection_id);
CREATE INDEX oidc_tokens_by_expiry ON oidc_tokens (expires_at);

-- A retired key is published for a while longer, so that a token of the last minute can still be verified.
ALTER TABLE signing_keys ADD COLUMN retired_at BIGINT NOT NULL DEFAULT 0;
