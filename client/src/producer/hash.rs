//! Core: the hashes by which clients place keys.

/// The hash of Java's producer: murmur2 with Kafka's seed, without its sign.
pub(crate) fn murmur2_positive(key: &[u8]) -> u32 {
    murmur2(key) & 0x7fff_ffff
}

/// The hash of librdkafka's default, CRC-32 as in zlib.
pub(crate) fn crc32(key: &[u8]) -> u32 {
    crc32fast::hash(key)
}

/// FNV-1a as Sarama and librdkafka take it: the number without its sign.
pub(crate) fn fnv1a_absolute(key: &[u8]) -> u32 {
    fnv1a(key).cast_signed().unsigned_abs()
}

/// FNV-1a as Sarama's reference partitioner takes it: the sign bit is cleared, as Java does.
pub(crate) fn fnv1a_positive(key: &[u8]) -> u32 {
    fnv1a(key) & 0x7fff_ffff
}

fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut h = 0x9747_b28c ^ length;
    let (chunks, tail) = data.as_chunks::<4>();
    for chunk in chunks {
        let mut k = u32::from_le_bytes(*chunk).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (i, &byte) in tail.iter().enumerate() {
            h ^= u32::from(byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

fn fnv1a(data: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    data.iter().fold(0x811c_9dc5, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// key (hex), murmur2 as Java's int, toPositive(murmur2): made by Kafka's own Utils.murmur2.
    const GOLDEN: &str = include_str!("../../tests/data/murmur2.tsv");

    #[test]
    fn keys_hash_as_in_java() {
        let mut rows = 0;
        for row in GOLDEN.lines() {
            let cells: Vec<_> = row.split('\t').collect();
            let key: Vec<u8> = (0..cells[0].len() / 2)
                .map(|i| u8::from_str_radix(&cells[0][2 * i..2 * i + 2], 16).unwrap())
                .collect();
            assert_eq!(murmur2(&key).cast_signed().to_string(), cells[1], "{row}");
            assert_eq!(murmur2_positive(&key).to_string(), cells[2], "{row}");
            rows += 1;
        }
        assert_eq!(rows, 69);
    }
}
