//! What is decided, and the attacks that the decisions stand against.
//!
//! # Who could cheat, and how
//!
//! Each line is a test of `tests/it/` (or of the module named).
//!
//! **Single sign-on request** (`http::saml`). Anybody can send a browser here.
//! - Forges or alters a request: signature, issuer, destination, ACS, age are checked by `standards::saml`.
//! - Sends a request again from his own browser, to see its page or have it answered: the second browser gets *opened
//!   elsewhere* and no nonce.
//! - Starts a sign-in with a stolen password and sends the victim the link: the victim's browser is the one that asks
//!   first, so it *is* the challenge's browser; what stands against this is the provenance in the signed answer.
//! - Looks for people who exist: an unknown name gets the same page, the same factors, the same times.
//! - Fills the disk or the processor: body limits, rate limits per address, rows that expire.
//!
//! **Answer** (`domain::answer`). Malware in the person's session, another extension, a second browser, an insider.
//! - Answers from another browser: cookie. From another profile: installation key. From another machine: device key.
//! - Uses a nonce twice, or an answer twice, or a proof twice: one UPDATE, one unique INSERT.
//! - Takes an answer for one challenge to another: `jti`, `nonce`, `req`, `ath` all name the challenge.
//! - Answers for somebody else: `sub` has to be the challenge's person, and this device, profile and person have a binding.
//! - Makes the verdict up: the engine runs on the device, so malware there can. It cannot undo that silence was switched
//!   off, ask twice for one challenge, or do so without the device's key store.
//! - Tries until the engine is lucky: one scored answer per challenge; *unsure* counts again only after 60 s of new
//!   evidence; *impostor* and *automated* end it until a strong factor.
//! - Answers late, with a clock that is off, or with old evidence: the server's clock on the challenge, ±120 s, 120 s.
//! - Says that nothing works (`/agent/failures`, unsigned): only makes the ordinary factors appear sooner.
//!
//! **Registration and binding** (`domain::enrolment`). Whoever has the organisation's token: everybody with a machine.
//! - Registers a device of his own: it is pending, and bound to nobody.
//! - Binds it during a roll-out with a stolen password: needs the group, the window, that the person never had a device
//!   and never used a window, and a corroboration that he does not control.
//! - Lets the victim's sign-in bind his device, or his sign-in the victim's: same browser cookie, provenance proven.
//! - Talks the help desk into a code: it is good for one challenge whose place and number the issuer sees, for one purpose
//!   and one minute, and five tries; then nothing can be added for 24 hours.
//! - Swaps the candidate between offer and code: the first candidate of a challenge stays.
//! - Plays a heartbeat again to keep a stolen key alive: `jti` once, and the proof by the installation key.
//!
//! **Ordinary factor** (`domain::challenge::pass_factor`).
//! - Passes it for another person or twice: the challenge's person, one UPDATE.
//! - Uses a one-time code that a look-alike page collected after the engine said *impostor*: not offered, not accepted.
//! - Lets a late silent answer overtake a begun factor: begun means that answers no longer count.
//!
//! **SCIM** (`http::scim`, `store::scim`). Whoever finds the address, whoever finds a token, a client with habits.
//! - Guesses tokens: 32 random bytes, and an address that guessed wrong too often is not heard for a while.
//! - Uses a token of one connection at another, an old one, a revoked one, one for devices: all the same answer.
//! - Reads or changes people and groups of another connection: they do not exist for it; taken names do.
//! - Chooses ids, memberships or times by saying them: what only we say is passed over, and `externalId` is never an id.
//! - Asks filters what is never told (`password sw "a"`), or for text that is SQL: refused, bound.
//! - Makes a name that differs from another in case only, at once in two processes: one unique index.
//! - Exhausts us with brackets, depth, operations, members, pages: bounds on all of them.
//! - Gets a departed person's name and with it their passkeys and devices: another `externalId` on a deactivated person
//!   is another person.
//! - Loses memberships by changing a group at the same time as others: rows, and one lock per group.
//!
//! **Policy** (`domain::policy`). A mistaken administrator: `allow` without its conditions is refused when it is loaded, and
//! checked once more when it is used.
//!
//! **Long poll and completion** (`http::challenge`). Another site's page: cookie, `Sec-Fetch-Site`, no CORS.

pub mod agent;
pub mod answer;
pub mod challenge;
pub mod code;
pub mod connection;
pub mod device;
pub mod enrolment;
pub mod factor;
pub mod notice;
pub mod oidc;
pub mod okta;
pub mod policy;
pub mod request;
pub mod scim;
pub mod signing;
pub mod user;
