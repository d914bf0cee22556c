//! n-fold (RFC 3961 section 5.1): makes a constant as long as is needed. *Core.*

/// Folds `input`, which must not be empty, into `length` bytes.
pub(super) fn fold(input: &[u8], length: usize) -> Vec<u8> {
    let copies_bytes = input.len() * length / greatest_divisor(input.len(), length);
    let mut sums = vec![0_u32; length];
    for i in 0..copies_bytes {
        let byte = rotated(input, i / input.len(), i % input.len());
        if let Some(sum) = sums.get_mut(i % length) {
            *sum += u32::from(byte);
        }
    }
    // Ones' complement: carries move towards the front, and around to the end.
    let mut carry = 0;
    loop {
        for sum in sums.iter_mut().rev() {
            let value = *sum + carry;
            (*sum, carry) = (value & 0xff, value >> 8);
        }
        if carry == 0 {
            return sums.iter().filter_map(|sum| u8::try_from(*sum).ok()).collect();
        }
    }
}

/// A byte of copy number `copy`, where each copy is turned right by 13 bits against the one before.
fn rotated(input: &[u8], copy: usize, position: usize) -> u8 {
    let bits = input.len() * 8;
    let start = (position * 8 + bits - 13 * copy % bits) % bits;
    let byte = |i: usize| u16::from(input.get(i % input.len()).copied().unwrap_or(0));
    let pair = byte(start / 8) << 8 | byte(start / 8 + 1);
    let [_, low] = (pair >> (8 - start % 8)).to_be_bytes();
    low
}

fn greatest_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_as_in_rfc_3961() {
        let rows: [(&[u8], usize, &str); 6] = [
            (b"012345", 8, "be072631276b1955"),
            (b"password", 7, "78a07b6caf85fa"),
            (b"Rough Consensus, and Running Code", 8, "bb6ed30870b7f0e0"),
            (b"password", 21, "59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e"),
            (b"kerberos", 16, "6b65726265726f737b9b5b2b93132b93"),
            (b"Q", 21, "518a54a215a8452a518a54a215a8452a518a54a215"),
        ];
        for (input, length, wanted) in rows {
            let hex: String = fold(input, length).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, wanted);
        }
    }
}
