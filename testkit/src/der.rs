//! Core: writes the few forms of DER that a certificate is made of.

/// A value of this tag.
pub(crate) fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut value = vec![tag];
    let length = content.len().to_be_bytes();
    let significant = length.iter().skip_while(|byte| **byte == 0);
    if content.len() >= 0x80 {
        // The length of the length, then the length.
        value.extend(significant.clone().count().to_be_bytes().last().map(|count| 0x80 | count));
        value.extend(significant);
    } else {
        value.extend(length.last());
    }
    value.extend(content);
    value
}

/// A sequence of these values.
pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(SEQUENCE, parts)
}

/// The bits of whole bytes.
pub(crate) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tagged(BIT_STRING, &[&[0], bytes])
}

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_ID: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// A field of a sequence that has the number `n` and holds a whole value.
pub(crate) const fn wrapped(n: u8) -> u8 {
    0xa0 | n
}
/// A field of a sequence that has the number `n` in the place of its own tag.
pub(crate) const fn bare(n: u8) -> u8 {
    0x80 | n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_the_shortest_form() {
        for (length, head) in [
            (0, &[4, 0][..]),
            (127, &[4, 127]),
            (128, &[4, 0x81, 128]),
            (255, &[4, 0x81, 255]),
            (256, &[4, 0x82, 1, 0]),
            (70_000, &[4, 0x83, 1, 0x11, 0x70]),
        ] {
            let value = tagged(OCTET_STRING, &[&vec![7; length]]);
            assert_eq!(&value[..head.len()], head);
            assert_eq!(value.len(), head.len() + length);
        }
    }

    #[test]
    fn parts_stand_behind_each_other() {
        assert_eq!(sequence(&[&[1], &[2, 3]]), [0x30, 3, 1, 2, 3]);
        assert_eq!(bit_string(&[0xff]), [3, 2, 0, 0xff]);
    }
}
