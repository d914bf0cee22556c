//! AES in CBC mode with ciphertext stealing: the last two blocks always change places, and the
//! initial vector is zero. *Core.*

use aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};
use zeroize::Zeroizing;

/// AES with a key of either length.
pub(super) enum Cipher {
    Short(Box<Aes128>),
    Long(Box<Aes256>),
}

impl Cipher {
    /// The cipher of a key of 16 or 32 bytes.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        let short = |key| Self::Short(Box::new(key));
        match key.len() {
            16 => Aes128::new_from_slice(key).ok().map(short),
            _ => Aes256::new_from_slice(key).ok().map(|key| Self::Long(Box::new(key))),
        }
    }

    pub(super) fn encrypt_block(&self, block: &mut Block) {
        let mut array = Array::from(*block);
        match self {
            Self::Short(aes) => aes.encrypt_block(&mut array),
            Self::Long(aes) => aes.encrypt_block(&mut array),
        }
        *block = array.into();
    }

    fn decrypt_block(&self, block: &mut Block) {
        let mut array = Array::from(*block);
        match self {
            Self::Short(aes) => aes.decrypt_block(&mut array),
            Self::Long(aes) => aes.decrypt_block(&mut array),
        }
        *block = array.into();
    }

    /// Encrypts at least one block.
    pub(super) fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        let mut blocks: Vec<Block> = Vec::with_capacity(plain.len().div_ceil(BLOCK_BYTES));
        let mut before = Block::default();
        for chunk in plain.chunks(BLOCK_BYTES) {
            // A short last block counts as filled up with zeros.
            xor(&mut before, chunk);
            self.encrypt_block(&mut before);
            blocks.push(before);
        }
        if blocks.len() < 2 {
            return blocks.concat();
        }
        let tail = plain.len() - (blocks.len() - 1) * BLOCK_BYTES;
        let (last, stolen) = (blocks.pop(), blocks.pop());
        let mut out = blocks.concat();
        out.extend(last.into_iter().flatten());
        out.extend(stolen.into_iter().flatten().take(tail));
        out
    }

    /// Decrypts; nothing if there is less than one block.
    pub(super) fn decrypt(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(Vec::with_capacity(sealed.len()));
        if let Ok(single) = <&Block>::try_from(sealed) {
            let mut block = *single;
            self.decrypt_block(&mut block);
            out.extend_from_slice(&block);
            return Some(out);
        }
        let tail = match sealed.len() % BLOCK_BYTES {
            0 => BLOCK_BYTES,
            rest => rest,
        };
        let (head, rest) =
            sealed.split_at_checked(sealed.len().checked_sub(BLOCK_BYTES + tail)?)?;
        let mut before = Block::default();
        for chunk in head.as_chunks::<BLOCK_BYTES>().0 {
            let mut block = *chunk;
            self.decrypt_block(&mut block);
            xor(&mut block, &before);
            out.extend_from_slice(&block);
            before = *chunk;
        }
        let (last, stolen) = rest.split_first_chunk::<BLOCK_BYTES>()?;
        let mut mixed = *last;
        self.decrypt_block(&mut mixed);
        // What was stolen is the rest of the block before.
        let mut block = mixed;
        block.iter_mut().zip(stolen).for_each(|(to, from)| *to = *from);
        xor(&mut mixed, &block);
        self.decrypt_block(&mut block);
        xor(&mut block, &before);
        out.extend_from_slice(&block);
        out.extend(mixed.iter().take(tail));
        Some(out)
    }
}

type Block = [u8; BLOCK_BYTES];

fn xor(block: &mut Block, with: &[u8]) {
    block.iter_mut().zip(with).for_each(|(byte, other)| *byte ^= other);
}

/// The size of a block of AES.
pub(super) const BLOCK_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits = |i| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digits).collect()
    }

    #[test]
    fn encrypts_as_in_rfc_3962() {
        let cipher = Cipher::new(b"chicken teriyaki").unwrap();
        let text = b"I would like the General Gau's Chicken, please, and wonton soup.";
        let rows = [
            (17, "c6353568f2bf8cb4d8a580362da7ff7f97"),
            (31, "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5"),
            (32, "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584"),
            (
                47,
                "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e\
                 39312523a78662d5be7fcbcc98ebf5",
            ),
            (
                48,
                "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd8\
                 39312523a78662d5be7fcbcc98ebf5a8",
            ),
            (
                64,
                "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8\
                 4807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
            ),
        ];
        for (length, wanted) in rows {
            assert_eq!(cipher.encrypt(&text[..length]), hex(wanted), "{length}");
            assert_eq!(cipher.decrypt(&hex(wanted)).unwrap()[..], text[..length], "{length}");
        }
    }

    #[test]
    fn every_length_survives() {
        let cipher = Cipher::new(&[3; 32]).unwrap();
        for length in 16..100_u8 {
            let plain: Vec<u8> = (0..length).collect();
            assert_eq!(*cipher.decrypt(&cipher.encrypt(&plain)).unwrap(), plain);
        }
        assert!((0..16).all(|length| cipher.decrypt(&vec![0; length]).is_none()));
        assert!(Cipher::new(&[0; 24]).is_none());
    }
}
