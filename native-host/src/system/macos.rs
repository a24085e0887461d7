//! The window server's view of the person's session. No crate of ours wraps this one call.
#![expect(
    unsafe_code,
    reason = "CGSessionCopyCurrentDictionary has no safe binding"
)]

use core_foundation::base::{CFType, TCFType};
use core_foundation::boolean::CFBoolean;
use core_foundation::dictionary::{CFDictionary, CFDictionaryRef};
use core_foundation::string::CFString;

#[link(name = "CoreGraphics", kind = "framework")]
unsafe extern "C" {
    /// Quartz Display Services. The caller owns what it returns; null without a graphical session.
    fn CGSessionCopyCurrentDictionary() -> CFDictionaryRef;
}

/// Whether the screen is locked; `None` outside a graphical session.
pub(crate) fn screen_locked() -> Option<bool> {
    // SAFETY: takes nothing, and may be called from any thread.
    let session = unsafe { CGSessionCopyCurrentDictionary() };
    if session.is_null() {
        return None;
    }
    // SAFETY: not null, and by the rule of "Copy" ours to release. Its keys are strings, its values objects.
    let session: CFDictionary<CFString, CFType> =
        unsafe { CFDictionary::wrap_under_create_rule(session) };
    // The key is absent while the screen is open.
    let locked = session
        .find(CFString::from_static_string("CGSSessionScreenIsLocked"))
        .and_then(|value| value.downcast::<CFBoolean>())
        .is_some_and(bool::from);
    Some(locked)
}
