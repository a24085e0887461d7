//! Reasons: every refusal and every decision names some of these, and page, popup, console, log and test use the same
//! code and the same sentence.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $words:literal;)*) => {
        /// One fact that moved a decision, or that stood in its way.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Reason { $( $(#[$doc])* #[doc = $words] #[serde(rename = $code)] $name, )* }

        impl Reason {
            /// All of them, in the order of the ceremony.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// The stable code: on the wire, in rows, in metrics.
            pub const fn code(self) -> &'static str {
                match self { $(Reason::$name => $code),* }
            }

            /// One sentence that a person understands.
            pub const fn words(self) -> &'static str {
                match self { $(Reason::$name => $words),* }
            }

            /// The reason with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Reason::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    // The good case.
    Genuine = "genuine", "The typing and pointer movement fit this person.";
    AfterUnlock = "after_unlock", "This computer was unlocked moments ago, and policy accepts that.";
    StrongFactorPassed = "strong_factor_passed", "The person passed an ordinary factor.";

    // What the behaviour says.
    NoEvidence = "no_evidence", "There has not been enough typing or pointer movement to judge yet.";
    Unsure = "unsure", "The typing and pointer movement were not clear enough to tell.";
    Impostor = "impostor", "The typing and pointer movement do not fit this person.";
    Automated = "automated", "The input looked as if a program had produced it.";
    Learning = "learning", "Tacit is still learning how this person types and moves the pointer.";
    StaleEvidence = "stale_evidence", "The last typing or pointer movement is too long ago.";
    AlreadyScored = "already_scored", "This sign-in was already judged once.";
    TooSoon = "too_soon", "There is not enough new typing or movement since the last unclear answer.";
    SilenceSwitchedOff = "silence_switched_off", "Silent answers are off until an ordinary factor has been passed.";
    Paused = "paused", "Tacit is paused in this browser.";

    // Where the sign-in came from, and whether anybody is there.
    StartedElsewhere = "started_elsewhere", "This sign-in was not started by typing or clicking in this tab.";
    OpenedElsewhere = "opened_elsewhere", "This sign-in was started in another browser.";
    NotTopFrame = "not_top_frame", "The request came from a page inside another page.";
    NotActivePage = "not_active_page", "The request came from a page that is not in front of the person.";
    Incognito = "incognito", "Silent answers are off in private windows.";
    WrongOrigin = "wrong_origin", "The page that asked is not the configured server.";
    ScreenLocked = "screen_locked", "The screen is locked.";
    NobodyPresent = "nobody_present", "Nobody has touched keyboard or pointer just now.";

    // Keys and bindings.
    NotEnrolled = "not_enrolled", "This browser and device are not enrolled for this person yet.";
    WrongAccount = "wrong_account", "This device belongs to another account.";
    DeviceRevoked = "device_revoked", "This device was revoked.";
    DeviceStale = "device_stale", "This device has not reported for too long and has expired.";
    BadDeviceSignature = "bad_device_signature", "The answer was not signed by the enrolled device key.";
    BadInstallationProof = "bad_installation_proof", "The answer did not come from the enrolled browser profile.";
    WrongBrowser = "wrong_browser", "The answer came without the cookie of the browser that was asked.";
    WrongNonce = "wrong_nonce", "The answer belongs to another request.";
    Replayed = "replayed", "The same answer or proof was used before.";
    ChallengeExpired = "challenge_expired", "The request has expired.";
    ChallengeUnknown = "challenge_unknown", "The request is not known.";
    ChallengeClosed = "challenge_closed", "The request was already answered or a fallback has begun.";
    ClockOff = "clock_off", "The device's clock is off by more than two minutes.";
    ProtectionClassTooLow = "protection_class_too_low", "Policy asks for a better protected device key.";
    Malformed = "malformed", "The message could not be understood.";
    VersionMismatch = "version_mismatch", "Extension, host and server are of versions that do not fit.";

    // The agent itself.
    NoAgent = "no_agent", "No Tacit extension answered in time.";
    NotConfigured = "not_configured", "The extension has not received its configuration yet.";
    HostMissing = "host_missing", "The Tacit host is not installed for this browser.";
    HostForbidden = "host_forbidden", "The Tacit host does not accept this extension.";
    HostFailed = "host_failed", "The Tacit host stopped or did not answer.";
    KeystoreFailed = "keystore_failed", "The computer's key store did not answer.";
    ServerUnreachable = "server_unreachable", "The Tacit server could not be reached.";
    ServerRefused = "server_refused", "The Tacit server refused the message.";
    RateLimited = "rate_limited", "Too many attempts; wait a little.";

    // Policy.
    PolicyStepUp = "policy_step_up", "Policy asks for an ordinary factor here.";
    PolicyDecline = "policy_decline", "Policy leaves this request to Okta's other factors.";
    PolicyObserve = "policy_observe", "Policy only observes here: the silent answer was recorded and not used.";
    PromptDue = "prompt_due", "Policy asks for an ordinary factor from time to time, and it is time again.";
    RoleSso = "role_sso", "Here Tacit is the only factor, so a silent answer does not suffice.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_lead_back() {
        for &reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
            assert!(reason.words().ends_with('.'), "{}", reason.code());
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        }
    }
}
