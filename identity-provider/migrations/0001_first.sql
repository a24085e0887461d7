-- The portable subset of docs/adr: TEXT, BIGINT and DOUBLE PRECISION only. Identifiers and bytes are text, times are
-- milliseconds since 1970, truth is 0 or 1, absence is '' or 0, structured values are JSON text.

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  login TEXT NOT NULL UNIQUE,
  login_folded TEXT NOT NULL,              -- ASCII lower case; deliberately not unique: an ambiguous fold matches nobody
  status TEXT NOT NULL,                    -- active | disabled
  additions_held_until BIGINT NOT NULL,    -- no further factor before this time
  created_at BIGINT NOT NULL
);
CREATE INDEX users_by_fold ON users (login_folded);

CREATE TABLE user_groups (
  user_id TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (user_id, name)
);

CREATE TABLE connections (
  id TEXT PRIMARY KEY,
  role TEXT NOT NULL,                      -- factor | sso
  okta_offers_choice BIGINT NOT NULL,
  metadata TEXT NOT NULL,                  -- the SP's metadata as imported; '' until then
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE signing_keys (
  id TEXT PRIMARY KEY,
  connection_id TEXT NOT NULL,
  status TEXT NOT NULL,                    -- current | next | retired
  certificate TEXT NOT NULL,               -- DER
  sealed_key TEXT NOT NULL,                -- PKCS#8, encrypted under the master key
  created_at BIGINT NOT NULL
);
CREATE INDEX signing_keys_by_connection ON signing_keys (connection_id);

CREATE TABLE challenges (
  id TEXT PRIMARY KEY,
  connection_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  request TEXT NOT NULL,                   -- JSON: what the Response has to echo
  req TEXT NOT NULL,                       -- digest of connection and request id
  subject TEXT NOT NULL,                   -- the name as asked for
  user_id TEXT NOT NULL,                   -- '' when nobody has that name
  browser TEXT NOT NULL,                   -- hash of the browser cookie
  nonce TEXT NOT NULL UNIQUE,
  nonce_used BIGINT NOT NULL,
  state TEXT NOT NULL,                     -- waiting | step_up | allowed | declined
  reasons TEXT NOT NULL,                   -- JSON list of codes
  allowed_factors TEXT NOT NULL,           -- JSON list; what policy lets the chooser offer
  fallback_at BIGINT NOT NULL,             -- when an ordinary factor was begun; 0 = not yet
  factor TEXT NOT NULL,                    -- what passed: silent | passkey | totp | code; '' = nothing
  amr TEXT NOT NULL,                       -- JSON list for the Response
  passed_at BIGINT NOT NULL,               -- when an ordinary factor passed; 0 = not
  matching TEXT NOT NULL,                  -- the number that the help desk compares
  place TEXT NOT NULL,                     -- where it was started: address
  agent TEXT NOT NULL,                     -- and with which browser
  application TEXT NOT NULL,               -- '' when Okta did not say
  device_id TEXT NOT NULL,                 -- candidate for a binding; '' = none
  installation TEXT NOT NULL,
  answered_by TEXT NOT NULL,               -- device of the scored answer; '' = none
  code_attempts BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  decided_at BIGINT NOT NULL,
  UNIQUE (connection_id, request_id)
);
CREATE INDEX challenges_by_matching ON challenges (matching, expires_at);
CREATE INDEX challenges_by_expiry ON challenges (expires_at);

CREATE TABLE devices (
  id TEXT PRIMARY KEY,                     -- thumbprint of the device key
  jwk TEXT NOT NULL,
  status TEXT NOT NULL,                    -- pending | bound | revoked; stale follows from last_seen
  protection_class TEXT NOT NULL,
  os_account TEXT NOT NULL,
  profile_email TEXT NOT NULL,
  posture TEXT NOT NULL,
  extension TEXT NOT NULL,
  host TEXT NOT NULL,
  registered_at BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL
);

CREATE TABLE installations (
  device_id TEXT NOT NULL,
  jkt TEXT NOT NULL,                       -- thumbprint of the installation key
  profile_email TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  PRIMARY KEY (device_id, jkt)
);

CREATE TABLE bindings (
  id TEXT PRIMARY KEY,
  device_id TEXT NOT NULL,
  jkt TEXT NOT NULL,
  user_id TEXT NOT NULL,
  how TEXT NOT NULL,                       -- rollout | code
  created_at BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL,
  UNIQUE (device_id, jkt, user_id)
);
CREATE INDEX bindings_by_user ON bindings (user_id);

-- What holds for a person on a device, in whatever browser profile.
CREATE TABLE norms (
  user_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  silence_off_at BIGINT NOT NULL,          -- 0 = silence is on
  silence_off_reason TEXT NOT NULL,
  unsure_at BIGINT NOT NULL,
  progress BIGINT NOT NULL,
  mature BIGINT NOT NULL,
  confirmations BIGINT NOT NULL,
  wiped_at BIGINT NOT NULL,                -- 0 = nothing to wipe, -1 = tell the device to
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, device_id)
);

CREATE TABLE preregistrations (
  device_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (device_id, user_id)
);

CREATE TABLE rollouts (
  id TEXT PRIMARY KEY,
  group_name TEXT NOT NULL,
  opened_at BIGINT NOT NULL,
  closes_at BIGINT NOT NULL
);

CREATE TABLE rollout_uses (
  user_id TEXT PRIMARY KEY,
  rollout_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  used_at BIGINT NOT NULL
);

CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,                   -- enrolment
  hash TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT NOT NULL
);

CREATE TABLE help_desk_codes (
  id TEXT PRIMARY KEY,
  challenge_id TEXT NOT NULL,
  purpose TEXT NOT NULL,                   -- bind | totp | passkey | sign-in
  hash TEXT NOT NULL,
  issued_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX help_desk_codes_by_challenge ON help_desk_codes (challenge_id);

CREATE TABLE totp_secrets (
  user_id TEXT PRIMARY KEY,
  sealed_secret TEXT NOT NULL,
  last_step BIGINT NOT NULL,               -- the newest time step that was accepted; a step counts once
  created_at BIGINT NOT NULL,
  confirmed_at BIGINT NOT NULL             -- 0 until a first code proved that the person has it
);

CREATE TABLE passkeys (
  credential_id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  credential TEXT NOT NULL,                -- JSON of the library
  label TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL
);
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- Server-side state of one attempt at one factor (WebAuthn registration or authentication, pending TOTP set-up).
CREATE TABLE factor_attempts (
  challenge_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (challenge_id, kind)
);

-- Failed tries per thing that can be guessed; the key names the thing, never the secret.
CREATE TABLE attempts (
  key TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  since BIGINT NOT NULL
);

CREATE TABLE admins (
  name TEXT PRIMARY KEY,
  password_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE admin_sessions (
  hash TEXT PRIMARY KEY,
  admin TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE TABLE decisions (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  challenge_id TEXT NOT NULL,
  connection_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  login TEXT NOT NULL,
  device_id TEXT NOT NULL,
  installation TEXT NOT NULL,
  outcome TEXT NOT NULL,                   -- allow | step_up | decline | observe
  reasons TEXT NOT NULL,
  factor TEXT NOT NULL,                    -- silent | passkey | totp | code; '' = none yet
  protection_class TEXT NOT NULL,
  verdict TEXT NOT NULL,                   -- '' when there was no evidence at all
  llr DOUBLE PRECISION NOT NULL,           -- 0 when verdict is ''
  evidence TEXT NOT NULL,                  -- JSON of the signed answer's claims that policy looked at; '' = none
  rule TEXT NOT NULL,                      -- the policy rule that matched; '' = none
  challenge_ms BIGINT NOT NULL,
  policy_version BIGINT NOT NULL
);
CREATE INDEX decisions_by_time ON decisions (at);
CREATE INDEX decisions_by_challenge ON decisions (challenge_id);

-- Everything else that somebody may have to answer for.
CREATE TABLE events (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  user_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  challenge_id TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX events_by_time ON events (at);

CREATE TABLE policies (
  version BIGINT PRIMARY KEY,
  text TEXT NOT NULL,
  author TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE replays (
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (kind, value)
);
CREATE INDEX replays_by_expiry ON replays (expires_at);
