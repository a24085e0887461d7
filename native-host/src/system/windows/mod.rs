//! Windows through Microsoft's bindings, whose functions are all unsafe: keys ([`cng`]), the session, the disk, the account.
#![expect(
    unsafe_code,
    reason = "the windows crate has no safe form of these calls"
)]

pub(crate) mod cng;

use windows::Win32::Foundation::PROPERTYKEY;
use windows::Win32::System::Com::{COINIT_MULTITHREADED, CoInitializeEx, CoUninitialize};
use windows::Win32::System::RemoteDesktop::{
    WTS_CURRENT_SESSION, WTSFreeMemory, WTSINFOEXW, WTSQuerySessionInformationW, WTSSessionInfoEx,
};
use windows::Win32::System::WindowsProgramming::GetUserNameW;
use windows::Win32::UI::Shell::PropertiesSystem::PSGetPropertyKeyFromName;
use windows::Win32::UI::Shell::{IShellItem2, SHCreateItemFromParsingName};
use windows::core::{HSTRING, PWSTR, w};

/// UNLEN and its terminator, in UTF-16 units.
const USER_NAME: usize = 257;

/// The account that this process runs as.
pub(crate) fn user_name() -> Option<String> {
    let mut buffer = [0_u16; USER_NAME];
    let mut length = u32::try_from(buffer.len()).ok()?;
    // SAFETY: the buffer outlives the call, and `length` is its length in UTF-16 units.
    unsafe { GetUserNameW(Some(PWSTR(buffer.as_mut_ptr())), &mut length) }.ok()?;
    // The length that comes back counts the terminator.
    let name = buffer.get(..usize::try_from(length).ok()?.checked_sub(1)?)?;
    String::from_utf16(name).ok()
}

/// `SessionFlags` and `LogonTime` of this process's session.
pub(crate) fn session() -> Option<(i32, i64)> {
    let mut buffer = PWSTR::null();
    let mut length = 0;
    // SAFETY: both outlive the call, which sets them to memory that it allocates and its length in bytes.
    unsafe {
        WTSQuerySessionInformationW(
            None,
            WTS_CURRENT_SESSION,
            WTSSessionInfoEx,
            &mut buffer,
            &mut length,
        )
    }
    .ok()?;
    let is_whole = usize::try_from(length).is_ok_and(|length| length >= size_of::<WTSINFOEXW>());
    let told = (is_whole && !buffer.is_null()).then(|| {
        // SAFETY: the call filled at least one WTSINFOEXW, a struct of numbers, perhaps not aligned for it.
        let info = unsafe { buffer.0.cast::<WTSINFOEXW>().read_unaligned() };
        // SAFETY: level 1 is the only member of the union, and any bits are valid for its numbers.
        let level = unsafe { info.Data.WTSInfoExLevel1 };
        (info.Level == 1).then_some(level)
    });
    // SAFETY: allocated by the call above and not used any more; null is fine.
    unsafe { WTSFreeMemory(buffer.0.cast()) };
    let level = told.flatten()?;
    Some((level.SessionFlags, level.LogonTime))
}

/// The shell's `System.Volume.BitLockerProtection` of a drive: WMI tells more, but only to administrators.
pub(crate) fn bitlocker_protection(drive: &str) -> Option<i32> {
    let drive = HSTRING::from(drive);
    // A thread of its own, so that nobody else's COM apartment is in the way.
    let ask = std::thread::spawn(move || {
        // SAFETY: this thread has not joined an apartment, and leaves it below.
        unsafe { CoInitializeEx(None, COINIT_MULTITHREADED) }
            .ok()
            .ok()?;
        let told = protection_of(&drive);
        // SAFETY: balances the successful call above; every COM object of this thread is gone.
        unsafe { CoUninitialize() };
        told
    });
    ask.join().ok().flatten()
}

fn protection_of(drive: &HSTRING) -> Option<i32> {
    let mut key = PROPERTYKEY::default();
    // SAFETY: the name is a constant that ends in zero; `key` outlives the call.
    unsafe {
        PSGetPropertyKeyFromName(w!("System.Volume.BitLockerProtection"), &mut key).ok()?;
    }
    // SAFETY: the caller joined an apartment, and the path ends in zero.
    let item: IShellItem2 = unsafe { SHCreateItemFromParsingName(drive, None) }.ok()?;
    // SAFETY: `key` outlives the call.
    unsafe { item.GetInt32(&key) }.ok()
}
