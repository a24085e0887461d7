//! Every bound of the protocol, in one place.

/// One native-messaging frame in either direction, in bytes. A longer one is refused before anything is allocated.
pub const FRAME: usize = 64 * 1024;
/// One JSON body posted to `/agent/*`, in bytes.
pub const AGENT_BODY: usize = 32 * 1024;
/// One message from a content script to the worker, in bytes of JSON.
pub const PAGE_MESSAGE: usize = 256 * 1024;
/// Events in one capture message. At most two such messages a second leave one frame.
pub const CAPTURE_EVENTS: usize = 4_000;
/// One sealed template or its plain form, in bytes.
pub const TEMPLATE: usize = 40 * 1024;
/// One compact JWS, in bytes.
pub const JWS: usize = 8 * 1024;
/// An identifier of ours: device, challenge, connection.
pub const IDENTIFIER: usize = 64;
/// A user name (Okta's `login`), in bytes of UTF-8.
pub const USER_NAME: usize = 256;
/// An origin such as `https://login.example.com:8443`, in bytes.
pub const ORIGIN: usize = 300;
/// A version string such as `0.1.0`.
pub const VERSION_TEXT: usize = 32;
/// Free text meant for a person, in bytes.
pub const TEXT: usize = 500;
/// Okta origins, excluded sites and other lists in a configuration.
pub const LIST: usize = 64;
