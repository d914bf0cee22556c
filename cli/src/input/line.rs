//! Core: from a line of input to the key and value of a record.

use memchr::memmem;

/// How a line becomes a record.
#[derive(Debug, Default)]
pub(crate) struct LineRules {
    /// Stands between key and value.
    pub(crate) key_delimiter: Option<memmem::Finder<'static>>,
    /// The key of records that bring none.
    pub(crate) key: Option<Vec<u8>>,
    /// Whether empty means null.
    pub(crate) empty_is_null: bool,
}

/// The key and value of one record, where its line has them.
pub(crate) type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl LineRules {
    /// The key and value of the record that `line` stands for.
    pub(crate) fn parts<'a>(&'a self, line: &'a [u8]) -> KeyAndValue<'a> {
        let (own_key, value) = self.split(line);
        let present = |bytes: &&[u8]| !(self.empty_is_null && bytes.is_empty());
        let key = own_key.or(self.key.as_deref());
        (key.filter(present), Some(value).filter(present))
    }

    fn split<'a>(&self, line: &'a [u8]) -> (Option<&'a [u8]>, &'a [u8]) {
        let found = self.key_delimiter.as_ref().and_then(|delimiter| {
            let (key, rest) = line.split_at_checked(delimiter.find(line)?)?;
            Some((key, rest.get(delimiter.needle().len()..)?))
        });
        found.map_or((None, line), |(key, value)| (Some(key), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(delimiter: &str, key: Option<&str>) -> LineRules {
        let finder = || memmem::Finder::new(delimiter.as_bytes()).into_owned();
        let key_delimiter = (!delimiter.is_empty()).then(finder);
        let key = key.map(|key| key.as_bytes().to_vec());
        LineRules { key_delimiter, key, empty_is_null: false }
    }

    fn with_null(rules: LineRules) -> LineRules {
        LineRules { empty_is_null: true, ..rules }
    }

    #[track_caller]
    fn check(rules: &LineRules, line: &str, key: Option<&str>, value: Option<&str>) {
        let expected = (key.map(str::as_bytes), value.map(str::as_bytes));
        assert_eq!(rules.parts(line.as_bytes()), expected, "{line:?}");
    }

    #[test]
    fn without_a_key_delimiter_a_line_is_a_value() {
        check(&rules("", None), "a:b", None, Some("a:b"));
        check(&rules("", None), "", None, Some(""));
        check(&with_null(rules("", None)), "", None, None);
        check(&with_null(rules("", Some("k"))), "", Some("k"), None);
    }

    #[test]
    fn the_first_key_delimiter_splits() {
        let plain = rules(":", None);
        check(&plain, "a:b:c", Some("a"), Some("b:c"));
        check(&plain, ":b", Some(""), Some("b"));
        check(&plain, "a:", Some("a"), Some(""));
        check(&plain, "ab", None, Some("ab"));
        check(&rules("=>", None), "a=b=>c", Some("a=b"), Some("c"));
    }

    #[test]
    fn empty_is_null_when_asked_and_a_fixed_key_fills_in() {
        let null = with_null(rules(":", Some("k")));
        check(&null, ":", None, None);
        check(&null, "a:", Some("a"), None);
        check(&null, "v", Some("k"), Some("v"));
        check(&rules(":", Some("k")), "a:v", Some("a"), Some("v"));
    }
}
