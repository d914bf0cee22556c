//! The vectors of RFC 3962 and RFC 8009, and what must not be accepted.

use super::*;
use EncryptionType::{Aes128Sha1, Aes128Sha256, Aes256Sha1, Aes256Sha384};

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

#[test]
fn passwords_become_the_keys_of_rfc_3962() {
    let salt = b"ATHENA.MIT.EDUraeburn";
    let rows = [
        (1, "42263c6e89f4fc28b8df68ee09799f15"),
        (2, "c651bf29e2300ac27fa469d693bdda13"),
        (1200, "4c01cd46d632d01e6dbe230a01ed642a"),
    ];
    for (iterations, wanted) in rows {
        let key = Key::from_password_hashed(Aes128Sha1, b"password", salt, iterations);
        assert_eq!(key.reveal(), hex(wanted), "{iterations}");
    }
    let rows = [
        (1, "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161"),
        (1200, "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a"),
    ];
    for (iterations, wanted) in rows {
        let key = Key::from_password_hashed(Aes256Sha1, b"password", salt, iterations);
        assert_eq!(key.reveal(), hex(wanted), "{iterations}");
    }
}

#[test]
fn passwords_become_the_keys_of_rfc_8009() {
    let mut salt = hex("10DF9DD783E5BC8ACEA1730E74355F61");
    salt.extend_from_slice(b"ATHENA.MIT.EDUraeburn");
    let key = Key::from_password(Aes128Sha256, b"password", &salt);
    assert_eq!(key.reveal(), hex("089BCA48B105EA6EA77CA5D2F39DC5E7"));
    let key = Key::from_password(Aes256Sha384, b"password", &salt);
    let wanted = "45BD806DBF6A833A9CFFC1C94589A222367A79BC21C413718906E9F578A78467";
    assert_eq!(key.reveal(), hex(wanted));
}

#[test]
fn derived_keys_and_checksums_are_those_of_rfc_8009() {
    let rows = [
        (
            Aes128Sha256,
            "3705D96080C17728A0E800EAB6E0D23C",
            [
                "B31A018A48F54776F403E9A396325DC3",
                "9B197DD1E8C5609D6E67C3E37C62C72E",
                "9FDA0E56AB2D85E1569A688696C26A6C",
            ],
            "D78367186643D67B411CBA9139FC1DEE",
        ),
        (
            Aes256Sha384,
            "6D404D37FAF79F9DF0D33568D320669800EB4836472EA8A026D16B7182460C52",
            [
                "EF5718BE86CC84963D8BBB5031E9F5C4BA41F28FAF69E73D",
                "56AB22BEE63D82D7BC5227F6773F8EA7A5EB1C825160C38312980C442E5C7E49",
                "69B16514E3CD8E56B82010D5C73012B622C4D00FFC23ED1F",
            ],
            "45EE791567EEFCA37F4AC1E0222DE80D43C3BFA06699672A",
        ),
    ];
    let data = hex("000102030405060708090A0B0C0D0E0F1011121314");
    for (kind, key, [checksum, encryption, integrity], sum) in rows {
        let key = Key::new(kind, &hex(key)).unwrap();
        assert_eq!(*key.derive_for(2, Purpose::Checksum), hex(checksum));
        assert_eq!(*key.derive_for(2, Purpose::Encryption), hex(encryption));
        assert_eq!(*key.derive_for(2, Purpose::Integrity), hex(integrity));
        assert_eq!(key.checksum(2, &data), hex(sum));
        assert!(key.verify(2, &data, &hex(sum)));
    }
}

#[test]
fn ciphertexts_are_those_of_rfc_8009() {
    let short = Key::new(Aes128Sha256, &hex("3705D96080C17728A0E800EAB6E0D23C")).unwrap();
    let long = "6D404D37FAF79F9DF0D33568D320669800EB4836472EA8A026D16B7182460C52";
    let long = Key::new(Aes256Sha384, &hex(long)).unwrap();
    let rows = [
        (
            &short,
            "7E5895EAF2672435BAD817F545A37148",
            "",
            "EF85FB890BB8472F4DAB20394DCA781DAD877EDA39D50C870C0D5A0A8E48C718",
        ),
        (
            &short,
            "7BCA285E2FD4130FB55B1A5C83BC5B24",
            "000102030405",
            "84D7F30754ED987BAB0BF3506BEB09CFB55402CEF7E6877CE99E247E52D16ED4421DFDF8976C",
        ),
        (
            &long,
            "F764E9FA15C276478B2C7D0C4E5F58E4",
            "",
            "41F53FA5BFE7026D91FAF9BE959195A058707273A96A40F0A01960621AC612748B9BBFBE7EB4CE3C",
        ),
    ];
    for (key, confounder, plain, wanted) in rows {
        let confounder = hex(confounder).try_into().unwrap();
        assert_eq!(key.encrypt(2, &confounder, &hex(plain)), hex(wanted));
        assert_eq!(*key.decrypt(2, &hex(wanted)).unwrap(), hex(plain));
    }
}

#[test]
fn nothing_altered_is_decrypted() {
    for kind in EncryptionType::ALL {
        let key = Key::from_random(kind, &[9; 32]);
        for length in 0..70 {
            let plain = vec![u8::try_from(length).unwrap(); length];
            let sealed = key.encrypt(7, &[5; 16], &plain);
            assert_eq!(*key.decrypt(7, &sealed).unwrap(), plain);
            assert!(key.decrypt(8, &sealed).is_none(), "another usage");
            for i in 0..sealed.len() {
                let mut altered = sealed.clone();
                altered[i] ^= 0x10;
                assert!(key.decrypt(7, &altered).is_none());
            }
            assert!(key.decrypt(7, &sealed[..sealed.len() - 1]).is_none());
        }
        assert!(!key.verify(7, b"", &[]));
    }
}

#[test]
fn no_debug_text_shows_a_key() {
    let key = Key::new(Aes128Sha1, b"secret 16 bytes!").unwrap();
    assert_eq!(format!("{key:?}"), "Key(aes128-cts-hmac-sha1-96)");
    assert!(Key::new(Aes128Sha1, b"short").is_err());
}
