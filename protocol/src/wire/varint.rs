//! Varints: seven bits a byte, lowest first; signed ones in zigzag.

/// Appends `value` to `out` in at most ten bytes.
pub(crate) fn write(out: &mut impl bytes::BufMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.put_u8(low_byte(value));
}

/// Reads a varint of at most 32 bits from the front: the value and how many bytes it took. `None`
/// if the bytes end too early, `Some(Err)` if it is longer than five bytes or 32 bits.
pub(crate) fn read_u32(bytes: &[u8]) -> Option<Result<(u32, usize), ()>> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some(u32::try_from(value).map(|v| (v, index + 1)).map_err(drop));
        }
    }
    if bytes.len() < 5 { None } else { Some(Err(())) }
}

const fn low_byte(value: u64) -> u8 {
    (value & 0x7f) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nothing_shorter_is() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u32::MAX - 1, u32::MAX] {
            let mut out = Vec::new();
            write(&mut out, value.into());
            assert_eq!(read_u32(&out), Some(Ok((value, out.len()))));
            assert_eq!(read_u32(&out[..out.len() - 1]), None);
        }
    }

    #[test]
    fn a_varint_of_more_than_32_bits_is_refused() {
        assert_eq!(read_u32(&[0xff, 0xff, 0xff, 0xff, 0x7f]), Some(Err(())));
        assert_eq!(read_u32(&[0x80; 10]), Some(Err(())));
    }
}
