//! What real files of configuration contain, and what must not be accepted.

use std::collections::HashMap;

use super::content::seconds_of;
use super::*;
use crate::kerberos::crypto::EncryptionType;
use crate::kerberos::error::Error;

/// Reads the file `a` among these; a name that ends in `/` is a folder, and lists names.
fn read(files: &[(&str, &str)]) -> Result<Config, Error> {
    let files: HashMap<_, _> = files.iter().copied().collect();
    let mut reader = ConfigReader::new(["a".into()]);
    loop {
        match reader.poll()? {
            Wanted::File(path) => {
                let content = files.get(path.to_str().unwrap());
                let content = content.ok_or_else(|| reader.unreadable("no such file"))?;
                reader.push_file(&path, content.as_bytes())?;
            }
            Wanted::Folder(path) => {
                let names = files[format!("{}/", path.display()).as_str()];
                let names: Vec<_> = names.split(' ').map(String::from).collect();
                reader.push_folder(&path, &names);
            }
            Wanted::Nothing(config) => return Ok(config),
        }
    }
}

const SAMPLE: &str = "# comment
[libdefaults]
 default_realm = A.B
 ticket_lifetime = 1d 2h
 udp_preference_limit = 1
 permitted_enctypes = aes256-cts aes128-sha2 rc4
[realms]
A.B = {
 kdc = k1.a.b
 kdc = tcp/k2:89
 kdc = [::1]:90
 kdc = https://proxy/kdc
 sub = {
  a = b
 }
}
lower.realm = { kdc = x:1 }
[domain_realm]
 .a.b = A.B
 h.c.d = C.D
 e.f = E.F
";

#[test]
fn kdcs_and_realms_are_found() {
    let config = read(&[("a", SAMPLE)]).unwrap();
    assert_eq!(config.default_realm(), Some("A.B"));
    let kdcs = config.kdcs("A.B");
    let kdc = |host: &str, port, transport| Kdc { host: host.into(), port, transport };
    let wanted = [
        kdc("k1.a.b", 88, Transport::Both),
        kdc("k2", 89, Transport::Tcp),
        kdc("::1", 90, Transport::Both),
    ];
    assert_eq!(kdcs, wanted);
    assert_eq!(config.kdcs("lower.realm").len(), 1);
    assert_eq!(config.kdcs("LOWER.REALM").len(), 0);
    let rows = [("x.y.a.b", Some("A.B")), ("h.c.d", Some("C.D")), ("q.e.f", Some("E.F"))];
    for (host, realm) in rows.into_iter().chain([("none.at.all", None)]) {
        assert_eq!(config.realm_of_host(host), realm, "{host}");
    }
    assert_eq!(config.lifetime("ticket_lifetime"), Some(93_600));
    let kinds = [EncryptionType::Aes256Sha1, EncryptionType::Aes128Sha256];
    assert_eq!(config.encryption_types("default_tkt_enctypes"), Ok(kinds.to_vec()));
}

#[test]
fn a_list_of_encryption_types_never_lets_in_more_than_it_names() {
    let (aes256, aes128) = (EncryptionType::Aes256Sha1, EncryptionType::Aes128Sha1);
    let rows = [
        ("", Ok(EncryptionType::ALL.to_vec())),
        ("default_tkt_enctypes = aes128-cts aes256-cts", Ok(vec![aes128, aes256])),
        ("permitted_enctypes = aes256-cts\ndefault_tkt_enctypes = aes", Ok(vec![aes256])),
        ("permitted_enctypes = DEFAULT -aes256-sha2 -aes128-sha2 -aes128-cts", Ok(vec![aes256])),
        ("permitted_enctypes = aes256-sah2", Err("permitted_enctypes = aes256-sah2")),
        ("default_tkt_enctypes = arcfour-hmac", Err("default_tkt_enctypes = arcfour-hmac")),
        (
            "permitted_enctypes = aes256-cts\ndefault_tkt_enctypes = aes128-cts",
            Err("default_tkt_enctypes beside permitted_enctypes"),
        ),
    ];
    for (lines, wanted) in rows {
        let config = read(&[("a", &format!("[libdefaults]\n{lines}\n"))]).unwrap();
        let found = config.encryption_types("default_tkt_enctypes");
        match wanted {
            Ok(kinds) => assert_eq!(found, Ok(kinds), "{lines}"),
            Err(named) => {
                let text = found.unwrap_err().to_string();
                assert!(text.starts_with(named) && text.contains("aes256-cts-hmac"), "{text}");
            }
        }
    }
}

#[test]
fn lifetimes_have_many_forms() {
    let rows = [
        ("36000", Some(36_000)),
        ("10h", Some(36_000)),
        ("7d 12h", Some(648_000)),
        ("1:30", Some(5400)),
        ("9223372036854775807:00", None),
        ("99999999999999999:99999999999999999:1", None),
        ("0:0:5", Some(5)),
        ("soon", None),
        ("5x", None),
        ("12h7", None),
        ("99999999999999999999d", None),
    ];
    for (text, seconds) in rows {
        assert_eq!(seconds_of(text), seconds, "{text}");
    }
}

#[test]
fn the_first_value_counts_even_through_includes() {
    let files = [
        ("a", "include b\n[libdefaults]\ndefault_realm = A\nincludedir d\nother = 1\n"),
        ("b", "[libdefaults]\ndefault_realm = \"B\"\n"),
        ("d/", "z x.conf .hidden.conf bak~ y.rpmsave"),
        ("d/x.conf", "[realms]\nR = {\n kdc = first\n}\n"),
        ("d/z", "[realms]\nR = {\n kdc = second\n}\n"),
    ];
    let config = read(&files).unwrap();
    assert_eq!(config.default_realm(), Some("B"));
    let hosts: Vec<_> = config.kdcs("R").iter().map(|kdc| kdc.host.to_string()).collect();
    assert_eq!(hosts, ["first", "second"]);
    assert_eq!(config.default_of("other"), Some("1"));
}

#[test]
fn includes_have_limits() {
    let text = |files: &[(&str, &str)]| read(files).unwrap_err().to_string();
    assert!(text(&[("a", "include a\n")]).contains("one include too many"));
    let fan = "include b\n".repeat(200);
    assert!(text(&[("a", &fan), ("b", "")]).contains("100 files"));
    assert!(text(&[("a", &"#".repeat(2 << 20))]).contains("1048576"));
}

#[test]
fn braces_and_kdcs_have_limits() {
    let nested = |count| format!("[x]\n{}{}", "a={\n".repeat(count), "}\n".repeat(count));
    assert!(read(&[("a", &nested(16))]).is_ok());
    let error = read(&[("a", &nested(150_000))]).unwrap_err().to_string();
    assert_eq!(error, "a:18: more than 16 braces in each other");
    let many: String = (0..100_000).map(|i| format!("{i} ")).collect();
    let config = read(&[("a", &format!("[realms]\nR = {{\n kdc = {many}\n}}\n"))]).unwrap();
    assert_eq!(config.kdcs("R").len(), 32);
}

#[test]
fn an_error_names_file_and_line() {
    let rows = [
        ("[libdefaults\n", "a:1: a ] is missing"),
        ("x = y\n", "a:1: a relation stands before any [section]"),
        ("[realms]\nR = {\n", "a:2: the brace of R is not closed"),
        ("[realms]\n}\n", "a:2: a } too many"),
        ("[realms]\nwhat\n", "a:2: a = is missing"),
        ("\ninclude b\n", "a:2: no such file"),
    ];
    for (content, wanted) in rows {
        assert_eq!(read(&[("a", content)]).unwrap_err().to_string(), wanted);
    }
}
