//! Every bound of this module, in one place.

/// A filter or a PATCH path, in bytes.
pub const FILTER_BYTES: usize = 4_096;
/// Brackets within brackets of a filter.
pub const FILTER_DEPTH: usize = 16;
/// Comparisons in one filter.
pub const FILTER_TERMS: usize = 64;
/// JSON objects and arrays within each other.
pub const JSON_DEPTH: usize = 12;
/// Operations of one PATCH.
pub const OPERATIONS: usize = 2_000;
/// Bytes of one string.
pub const STRING: usize = 4_096;
/// Bytes of one certificate or picture.
pub const LONG_STRING: usize = 16_384;
/// Values of one multi-valued attribute of a person.
pub const VALUES: usize = 64;
/// Members of one group.
pub const MEMBERS: usize = 50_000;
/// Attributes that one request may ask for or leave out.
pub const PROJECTION: usize = 64;
/// Resources on one page.
pub const PAGE: usize = 200;
/// Resources on one page where nothing was said.
pub const DEFAULT_PAGE: usize = 100;
/// Versions that one If-Match may list.
pub const ETAGS: usize = 16;
