//! Values like small JSON documents: lz4 halves them.

/// From which all clients' values follow.
pub const SEED: u64 = 0x5EED;

/// That many values of this size; the same for the same seed.
pub fn values(size: usize, count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut chance = Chance(seed | 1);
    (0..count).map(|_| value(size, &mut chance)).collect()
}

fn value(size: usize, chance: &mut Chance) -> Vec<u8> {
    let mut value = String::new();
    while value.len() < size {
        let (id, n, user, amount) = (chance.next(), chance.next(), chance.next(), chance.next());
        let event = EVENTS[(n >> 40) as usize % EVENTS.len()];
        let (time, user, amount) = (n % 100_000_000_000, user % 1_000_000, amount % 100_000);
        value += &format!(r#"{{"id":"{id:016x}","ts":17{time:011},"user":"u{user:06}","#);
        value += &format!(r#""event":"{event}","amount":{amount},"ok":true}}"#);
    }
    value.truncate(size);
    value.into_bytes()
}

const EVENTS: [&str; 8] =
    ["checkout", "view", "click", "search", "login", "logout", "refund", "add_to_cart"];

/// xorshift64*.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}
