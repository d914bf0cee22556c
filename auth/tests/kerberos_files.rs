//! Keytabs and ticket caches that MIT's tools have written (1.20.1), with keys of a test realm;
//! and what becomes of damaged ones.

#![cfg(feature = "kerberos")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::path::PathBuf;

use kurier_auth::kerberos::{ConfigReader, EncryptionType, Key, Keytab, Principal, TicketCache};

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name))
        .unwrap()
}

fn principal(text: &str) -> Principal {
    Principal::parse(text, None).unwrap()
}

#[test]
fn a_keytab_of_kadmin_has_keys_of_all_four_types() {
    let keytab = Keytab::parse(&golden("alice.keytab")).unwrap();
    let keys = keytab.keys(&principal("alice@TEST.LOCAL")).unwrap();
    let mut kinds: Vec<_> =
        keys.iter().map(|(version, key)| (*version, key.kind().number())).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [(2, 17), (2, 18), (2, 19), (2, 20)]);
}

#[test]
fn passwords_become_the_keys_that_ktutil_makes_of_them() {
    let keytab = Keytab::parse(&golden("bob.keytab")).unwrap();
    let keys = keytab.keys(&principal("bob@TEST.LOCAL")).unwrap();
    assert_eq!(keys.len(), EncryptionType::ALL.len());
    for (_, key) in keys {
        let ours = Key::from_password(key.kind(), b"hunter2", b"TEST.LOCALbob");
        assert_eq!(ours.reveal(), key.reveal(), "{}", key.kind());
    }
}

#[test]
fn ticket_caches_of_both_versions_are_read() {
    for name in ["alice-v3.ccache", "alice-v4.ccache"] {
        let cache = TicketCache::parse(&golden(name)).unwrap();
        assert_eq!(cache.client.to_string(), "alice@TEST.LOCAL", "{name}");
        assert_eq!((cache.clock_offset, cache.unusable), (0, 0), "{name}");
        let names: Vec<_> = cache.credentials.iter().map(|c| c.server.to_string()).collect();
        assert_eq!(names, ["krbtgt/TEST.LOCAL@TEST.LOCAL", "kafka/localhost@TEST.LOCAL"]);
        let granting = cache.granting().unwrap();
        assert_eq!(granting.end - granting.start, 3600, "{name}");
        assert_eq!(granting.renew_till - granting.start, 7 * 86_400, "{name}");
        assert!(granting.is_renewable() && granting.ticket_encryption() == Some(20), "{name}");
    }
}

/// A file with a few bytes changed, put in or left out.
fn damaged(file: &[u8], chance: &mut u64) -> Vec<u8> {
    let mut next = |below: usize| {
        *chance ^= *chance << 13;
        *chance ^= *chance >> 7;
        *chance ^= *chance << 17;
        usize::try_from(*chance % u64::try_from(below.max(1)).unwrap()).unwrap()
    };
    let mut bytes = file.to_vec();
    for _ in 0..=next(4) {
        let at = next(bytes.len());
        match next(5) {
            _ if bytes.is_empty() => {}
            0 => bytes[at] = [0, 0xff, 0x80, 0x7f][next(4)],
            1 => bytes[at] ^= 1 << next(8),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, 0xff),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

#[test]
fn damaged_files_never_panic() {
    let mut chance = 0x9e37_79b9_7f4a_7c15;
    let keytab = golden("alice.keytab");
    let first_version = [&[5, 1], &keytab[2..]].concat();
    let config = b"[realms]\nR = {\n kdc = [::1]:88\n}\n[domain_realm]\n .a = R\ninclude b\n";
    for _ in 0..20_000 {
        for keytab in [&keytab, &first_version] {
            if let Ok(read) = Keytab::parse(&damaged(keytab, &mut chance)) {
                let _ = read.keys(&principal("alice@TEST.LOCAL"));
            }
        }
        let mut reader = ConfigReader::new([]);
        if reader.push_file("a".as_ref(), &damaged(config, &mut chance)).is_ok() {
            let _ = reader.poll();
        }
    }
    for name in ["alice-v3.ccache", "alice-v4.ccache"] {
        let cache = golden(name);
        for _ in 0..20_000 {
            if let Ok(read) = TicketCache::parse(&damaged(&cache, &mut chance)) {
                let _ = read.granting().map(|granting| granting.ticket_encryption());
            }
        }
    }
}
