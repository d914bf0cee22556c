//! Records as tests see them, in the notations of the programs that show them.

use crate::release::Release;

/// A record without its place in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) headers: Vec<(String, Option<String>)>,
}

impl Seen {
    pub(crate) fn new(key: Option<&str>, value: Option<&str>) -> Self {
        Self { key: key.map(Into::into), value: value.map(Into::into), ..Self::default() }
    }

    fn with(mut self, headers: &[(&str, Option<&str>)]) -> Self {
        let owned = headers.iter().map(|(name, value)| ((*name).into(), value.map(Into::into)));
        self.headers = owned.collect();
        self
    }

    /// From the JSON that kcat prints, one object a line; `kurier consume -J` prints the same.
    pub(crate) fn from_json(line: &str) -> Self {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |value: &serde_json::Value| value.as_str().map(String::from);
        let headers = json["headers"].as_array().cloned().unwrap_or_default();
        Self {
            partition: i32::try_from(json["partition"].as_i64().unwrap()).unwrap(),
            key: text(&json["key"]),
            value: text(&json["payload"]),
            headers: headers.chunks(2).map(|h| (text(&h[0]).unwrap(), text(&h[1]))).collect(),
        }
    }

    /// To a line that `Write.java` reads.
    pub(crate) fn to_hex(&self) -> String {
        let mut fields = vec![hex(self.key.as_deref()), hex(self.value.as_deref())];
        let headers = self.headers.iter();
        fields
            .extend(headers.map(|(name, v)| format!("{}={}", hex(Some(name)), hex(v.as_deref()))));
        fields.join("\t")
    }

    /// From a line that `Read.java` prints.
    pub(crate) fn from_hex(line: &str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let header = |field: &&str| {
            let (name, value) = field.split_once('=').unwrap();
            (unhex(name).unwrap(), unhex(value))
        };
        Self {
            partition: fields[0].parse().unwrap(),
            key: unhex(fields[1]),
            value: unhex(fields[2]),
            headers: fields[3..].iter().map(header).collect(),
        }
    }
}

/// Records that a careless program loses something of.
pub(crate) fn hard_cases(release: &Release) -> Vec<Seen> {
    let long = "long ".repeat(20_000);
    let mut cases = vec![
        Seen::new(Some("key"), Some("value")),
        Seen::new(None, Some("null key")),
        Seen::new(Some("null value"), None),
        Seen::new(None, None),
        Seen::new(Some("empty value"), Some("")),
        Seen::new(Some(""), Some("empty key")),
        Seen::new(Some(""), Some("")),
        Seen::new(Some("ключ"), Some("日本語 \"quoted\" back\\slash")),
        Seen::new(Some("long"), Some(&long)),
    ];
    if release.has_headers() {
        let twice = [("a", Some("1")), ("b", Some("x=y")), ("a", Some("2"))];
        let odd = [("null", None), ("empty", Some("")), ("null", None), ("ключ", Some("日本語"))];
        cases.push(Seen::new(Some("headers"), Some("twice")).with(&twice));
        cases.push(Seen::new(Some("headers"), Some("null and empty")).with(&odd));
        cases.push(Seen::new(None, None).with(&[("only", Some("a header"))]));
    }
    cases
}

fn hex(text: Option<&str>) -> String {
    text.map_or_else(|| "-".into(), |text| text.bytes().map(|byte| format!("{byte:02x}")).collect())
}

fn unhex(hex: &str) -> Option<String> {
    (hex != "-").then(|| String::from_utf8(bytes_of_hex(hex)).unwrap())
}

pub(crate) fn bytes_of_hex(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Equal, or the first record that is not.
pub(crate) fn assert_same(found: &[Seen], expected: &[Seen]) {
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        let short = |record: &Seen| format!("{record:?}").chars().take(500).collect::<String>();
        assert!(found == expected, "record {n}: {} for {}", short(found), short(expected));
    }
    assert_eq!(found.len(), expected.len(), "records");
}
