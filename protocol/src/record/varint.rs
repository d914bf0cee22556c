//! Zigzag varints as records of magic 2 have them.

/// No varint is longer: 64 bits in groups of seven.
pub(crate) const VARINT_BYTES_MAX: usize = 10;

/// Puts small magnitudes of either sign on small numbers.
#[inline]
#[expect(clippy::cast_sign_loss, reason = "zigzag reinterprets the bits")]
pub(crate) const fn zigzag(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)) as u64
}

#[inline]
#[expect(clippy::cast_possible_wrap, reason = "zigzag reinterprets the bits")]
const fn unzigzag(u: u64) -> i64 {
    (u >> 1) as i64 ^ -((u & 1) as i64)
}

/// The bytes that `v` takes.
#[inline]
pub(crate) const fn varint_len(v: i64) -> usize {
    (70 - (zigzag(v) | 1).leading_zeros() as usize) / 7
}

/// Takes a varint off the front; `None` when it does not end within its ten bytes or the input.
#[inline(always)]
pub(crate) fn take(from: &mut &[u8]) -> Option<i64> {
    let (&first, rest) = from.split_first()?;
    let u = if first < 0x80 {
        *from = rest;
        u64::from(first)
    } else if let Some((&second, rest)) = rest.split_first()
        && second < 0x80
    {
        *from = rest;
        u64::from(first & 0x7f) | u64::from(second) << 7
    } else {
        let (u, rest) = split_long(from)?;
        *from = rest;
        u
    };
    Some(unzigzag(u))
}

/// The varint at the front, and what follows. It takes and gives slices by value: a cursor whose
/// address went to a function that is not inlined would live in memory, and every step of the
/// loop over records would wait for it.
#[cold]
fn split_long(from: &[u8]) -> Option<(u64, &[u8])> {
    let mut u = 0;
    for (i, &byte) in from.iter().take(VARINT_BYTES_MAX).enumerate() {
        u |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((u, from.get(i + 1..)?));
        }
    }
    None
}

/// Takes a length-prefixed field off the front. The outer `None` is a malformed one, the inner
/// one is null.
#[inline(always)]
#[expect(clippy::option_option, reason = "malformed and null are different answers")]
pub(crate) fn take_field<'a>(from: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = take(from)?;
    if len < 0 {
        return Some(None);
    }
    let (field, rest) = from.split_at_checked(usize::try_from(len).ok()?)?;
    *from = rest;
    Some(Some(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_of_every_length_are_read_to_their_last_byte() {
        for (bytes, value) in [
            (&[0u8][..], 0),
            (&[1], -1),
            (&[2], 1),
            (&[0xfe, 0x01], 127),
            (&[0x80, 0x01], 64),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], i64::from(i32::MIN)),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], i64::MIN),
            (&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], i64::MAX),
        ] {
            assert_eq!(varint_len(value), bytes.len());
            let mut from = [bytes, b"rest"].concat();
            from.truncate(bytes.len() + 4);
            let mut rest = &from[..];
            assert_eq!(take(&mut rest), Some(value));
            assert_eq!(rest, b"rest");
        }
    }

    #[test]
    fn varints_without_an_end_are_refused() {
        for bytes in [&[][..], &[0x80], &[0x80, 0x80], &[0xff; 11]] {
            assert_eq!(take(&mut { bytes }), None);
        }
    }

    #[test]
    fn a_field_longer_than_the_bytes_is_refused() {
        assert_eq!(take_field(&mut &[1][..]), Some(None));
        assert_eq!(take_field(&mut &[4, b'a', b'b'][..]), Some(Some(&b"ab"[..])));
        assert_eq!(take_field(&mut &[6, b'a', b'b'][..]), None);
        assert_eq!(take_field(&mut &[0xfe, 0xff, 0xff, 0xff, 0xff, 0x7f][..]), None);
    }
}
