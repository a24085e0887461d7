//! The operating system's account that this process runs as.

use wire::limits;

/// The account's name, bounded; empty if the system knows none.
pub fn name() -> String {
    let mut name = system_name().unwrap_or_default();
    name.retain(|c| !c.is_control());
    name.truncate(name.floor_char_boundary(limits::USER_NAME));
    name
}

/// By user id through the name service: the environment could say anything.
#[cfg(unix)]
fn system_name() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::current());
    Some(user.ok()??.name)
}

#[cfg(windows)]
fn system_name() -> Option<String> {
    crate::system::windows::user_name()
}
