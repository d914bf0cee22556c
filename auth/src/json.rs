//! Some fields of a JSON object, and nothing else of it: what is not asked for takes no memory.
//! *Core.*

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Field {
    Text(String),
    Number(f64),
    /// Null, a truth value, an array or an object.
    Other,
}

impl Field {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Other => None,
        }
    }
}

/// The fields of these names; of two with one name the last. None if it is no JSON object.
pub(crate) fn fields<const N: usize>(
    json: &[u8],
    names: [&'static str; N],
) -> Option<[Option<Field>; N]> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let found = Wanted(names).deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| found)
}

struct Wanted<const N: usize>([&'static str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Wanted<N> {
    type Value = [Option<Field>; N];

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Wanted<N> {
    type Value = [Option<Field>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [const { None }; N];
        while let Some(name) = map.next_key::<String>()? {
            let at = self.0.iter().position(|wanted| *wanted == name);
            match at.and_then(|at| found.get_mut(at)) {
                Some(field) => *field = Some(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(AnyField)
    }
}

struct AnyField;

impl<'de> Visitor<'de> for AnyField {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(text.to_owned()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Field, E> {
        Ok(Field::Number(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "JSON's numbers are no more exact")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Field, E> {
        Ok(Field::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "JSON's numbers are no more exact")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Field, E> {
        Ok(Field::Number(number as f64))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Field, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_asked_for_are_found_whatever_is_around_them() {
        let json = br#"{"x":[{"a":1}],"a":"one","b":-2,"c":null,"d":{"a":2},"b":1.5,"e":3}"#;
        let found = fields(json, ["a", "b", "c", "d", "e", "f"]).unwrap();
        let text = |text: &str| Some(Field::Text(text.to_owned()));
        let (other, number) = (Some(Field::Other), |number| Some(Field::Number(number)));
        assert_eq!(found, [text("one"), number(1.5), other.clone(), other, number(3.0), None]);
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        let deep = [&b"{\"x\":"[..], &b"[".repeat(100_000)].concat();
        for json in [&b""[..], b"[]", b"1", b"{", b"{}x", b"{\"a\":}", b"\"a\"", &deep] {
            assert_eq!(fields(json, ["a"]), None, "{}", json.len());
        }
        assert_eq!(fields(b" {} ", ["a"]), Some([None]));
    }
}
