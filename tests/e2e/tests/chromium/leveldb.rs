//! What LevelDB's files hold: the browser keeps extension storage and IndexedDB in them. Tables consist of blocks that are
//! compressed with Snappy and whose keys lack what they share with the key before; logs cut long records into pieces.
//!
//! Formats: `doc/table_format.md` and `doc/log_format.md` of LevelDB.

/// The last bytes of a table.
const FOOTER: usize = 48;
const MAGIC: [u8; 8] = 0xdb47_7524_8b80_fb57_u64.to_le_bytes();
/// After each block: how it is compressed, and a checksum.
const TRAILER: usize = 5;
/// No block of a browser is larger.
const LARGEST: usize = 64 * 1024 * 1024;
/// A log consists of pieces of this length, each with records that begin with a checksum, a length and a type.
const PIECE: usize = 32 * 1024;
const RECORD_HEAD: usize = 7;

/// All keys and values of a table, one after the other; `None` if it is none.
pub fn of_table(file: &[u8]) -> Option<Vec<u8>> {
    let footer = &file[file.len().checked_sub(FOOTER)?..];
    if !footer.ends_with(&MAGIC) {
        return None;
    }
    let mut rest = footer;
    let _metaindex = (number(&mut rest)?, number(&mut rest)?);
    let index = block(file, &mut rest)?;
    let mut all = Vec::new();
    for (_, value) in entries(&index)? {
        let data = block(file, &mut &value[..])?;
        for (key, value) in entries(&data)? {
            all.extend(key);
            all.extend(value);
            all.push(0);
        }
    }
    Some(all)
}

/// The records of a log, put together again. What is no log gives something, too, which does no harm to a search.
pub fn of_log(file: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in file.chunks(PIECE) {
        let mut rest = piece;
        while let Some((head, after)) = rest.split_at_checked(RECORD_HEAD) {
            let length = usize::from(u16::from_le_bytes([head[4], head[5]]));
            let Some((record, next)) = after.split_at_checked(length) else {
                break;
            };
            all.extend(record);
            rest = next;
        }
    }
    all
}

/// The block to which the handle at the beginning of `handle` points.
fn block(file: &[u8], handle: &mut &[u8]) -> Option<Vec<u8>> {
    let (offset, size) = (number(handle)?, number(handle)?);
    let end = offset.checked_add(size)?;
    let content = file.get(offset..end)?;
    match file.get(end..end.checked_add(TRAILER)?)?[0] {
        0 => Some(content.to_vec()),
        1 if snap::raw::decompress_len(content).ok()? <= LARGEST => {
            snap::raw::Decoder::new().decompress_vec(content).ok()
        }
        _ => None,
    }
}

/// Keys and values of a block.
fn entries(block: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (rest, count) = block.split_last_chunk::<4>()?;
    let restarts = usize::try_from(u32::from_le_bytes(*count))
        .ok()?
        .checked_mul(4)?;
    let mut rest = &rest[..rest.len().checked_sub(restarts)?];
    let mut all = Vec::new();
    let mut key = Vec::new();
    while !rest.is_empty() {
        let (shared, own, length) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
        let (part, after) = rest.split_at_checked(own)?;
        let (value, after) = after.split_at_checked(length)?;
        key.truncate(shared);
        key.extend(part);
        all.push((key.clone(), value.to_vec()));
        rest = after;
    }
    Some(all)
}

/// A number in groups of seven bits, the lowest first.
fn number(from: &mut &[u8]) -> Option<usize> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return usize::try_from(value).ok();
        }
    }
    None
}
