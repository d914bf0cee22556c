//! `api!`: from a table to structs, codecs, docs and schemas.

/// Declares one API: its request, its response, and the structs inside them.
///
/// A row reads `since..[=until] name: Type [exceptions] = default,`. Exceptions: `null a..[=b]`
/// (may be null then), `tag n`, `ignorable`, `empty` (nullable, but its default is empty and not
/// null), `plain` (never a compact length). `[hot]` behind a struct's name has it read and written
/// by code of its own. `stable` names the highest version that clients use,
/// where the schema has an unstable one above.
macro_rules! api {
    ($request:ident => $response:ident,
     key $key:literal, versions $lo:literal..=$hi:literal, flexible $flexible:tt..
     $(, stable $stable:literal)?;
     $($structs:tt)*) => {
        impl $crate::message::Request for $request {
            type Response = $response;
            const KEY: $crate::api_key::ApiKey = $crate::api_key::ApiKey($key);
            const VERSION_STABLE_MAX: i16 = stable_max!($hi $($stable)?);
        }
        message! { $request, versions $lo..=$hi, flexible $flexible.. }
        message! { $response, versions $lo..=$hi, flexible $flexible.. }
        wire_structs! { $($structs)* }
    };
}

macro_rules! stable_max {
    ($hi:literal) => {
        $hi
    };
    ($hi:literal $stable:literal) => {
        $stable
    };
}

/// Declares that a struct is a message by itself.
macro_rules! message {
    ($name:ident, versions $lo:literal..=$hi:literal, flexible $flexible:tt..) => {
        #[doc = concat!(
            "Versions `", stringify!($lo), "..=", stringify!($hi), "`, of which those from `",
            stringify!($flexible), "` on have compact lengths and tagged fields."
        )]
        impl $crate::message::Message for $name {
            const NAME: &'static str = stringify!($name);
            const VERSIONS: std::ops::RangeInclusive<i16> = $lo..=$hi;
            const FLEXIBLE: i16 = flexible!($flexible);
            const FIELDS: &'static [$crate::schema::Field] = Self::FIELDS;
        }
    };
}

/// `never` is a version that does not come.
macro_rules! flexible {
    (never) => {
        i16::MAX
    };
    ($version:literal) => {
        $version
    };
}

/// Declares structs that cross the wire.
macro_rules! wire_structs {
    ($($(#[$meta:meta])* struct $name:ident $([$walk:ident])? { $(
        $(#[$doc:meta])*
        $since:literal $(..)? $(..= $until:literal)?
        $field:ident: $type:ty $([$($exceptions:tt)*])? $(= $default:literal)?,
    )* })*) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name { $(
            $(#[$doc])*
            #[doc = "\n"]
            #[doc = concat!(
                "Versions: `", stringify!($since), "..", $("=", stringify!($until),)? "`",
                $(" · `", stringify!($($exceptions)*), "`",)?
                $(" · default `", stringify!($default), "`",)?
            )]
            pub $field: $type,
        )* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: default_of!([$($($exceptions)*)?] $($default)?),)* }
            }
        }

        impl $name {
            /// What the protocol says of each field.
            pub const FIELDS: &'static [$crate::schema::Field] = &[$({
                let kind = <$type as $crate::schema::Shape>::KIND;
                #[allow(unused_mut, reason = "most rows have no exceptions")]
                let mut field = $crate::schema::Field::new(
                    stringify!($field), $since, until!($since $($until)?), kind,
                );
                $( field.default = $crate::wire::Literal::Int($default as i64); )?
                $( exceptions!(field; $($exceptions)*); )?
                field
            }),*];
        }

        impl $crate::schema::Shape for $name {
            const KIND: $crate::schema::Kind = $crate::schema::Kind::Struct(Self::FIELDS);
        }

        impl $crate::wire::Wire for $name {
            walk! { [$($walk)?] $($field)* }
        }

        impl $crate::wire::Element for $name {
            const BYTES_MIN: usize = $crate::schema::bytes_min(Self::FIELDS);
            arrays! { $($walk)? }
        }

        impl $crate::wire::Nullable for $name {}
    )* };
}

/// How a struct is written and read: by walking its rows over `dyn` fields, or, where that shows
/// in a profile, by a line of its own for each row (`[hot]` behind the name), which costs more to
/// compile. The rules are the same functions either way.
macro_rules! walk {
    ([] $($field:ident)*) => {
        fn encode(
            &self,
            w: &mut $crate::wire::Writer,
        ) -> Result<(), $crate::error::EncodeError> {
            $crate::schema::encode_struct(Self::FIELDS, &[$(&self.$field),*], w)
        }

        fn decode(
            &mut self,
            r: &mut $crate::wire::Reader<'_>,
        ) -> Result<(), $crate::error::DecodeError> {
            $crate::schema::decode_struct(Self::FIELDS, &mut [$(&mut self.$field),*], r)
        }

        fn is(&self, default: $crate::wire::Literal) -> bool {
            $crate::schema::is_default(Self::FIELDS, &[$(&self.$field),*], default)
        }
    };
    ([hot] $($field:ident)*) => {
        fn encode(
            &self,
            w: &mut $crate::wire::Writer,
        ) -> Result<(), $crate::error::EncodeError> {
            let [$($field),*] = Self::FIELDS else { unreachable!() };
            w.enter();
            let mut tagged = 0;
            $( tagged += u32::from($crate::schema::encode_field($field, &self.$field, w)?); )*
            if w.is_flexible() {
                w.uvarint(tagged);
                if tagged > 0 {
                    $crate::schema::encode_tags(Self::FIELDS, &[$(&self.$field),*], w)?;
                }
            }
            Ok(())
        }

        fn decode(
            &mut self,
            r: &mut $crate::wire::Reader<'_>,
        ) -> Result<(), $crate::error::DecodeError> {
            let [$($field),*] = Self::FIELDS else { unreachable!() };
            r.enter();
            $( $crate::schema::decode_field($field, &mut self.$field, r)?; )*
            match r.tag_count()? {
                0 => Ok(()),
                count => {
                    let slots: &mut [&mut dyn $crate::wire::Wire] = &mut [$(&mut self.$field),*];
                    $crate::schema::decode_tags(count, Self::FIELDS, slots, r)
                }
            }
        }

        fn is(&self, default: $crate::wire::Literal) -> bool {
            let [$($field),*] = Self::FIELDS else { unreachable!() };
            default == $crate::wire::Literal::Natural
                $( && $crate::wire::Wire::is(&self.$field, $field.default) )*
        }
    };
}

/// How arrays of a struct are read: in code that all structs share, or in code of their own.
macro_rules! arrays {
    () => {};
    (hot) => {
        fn decode_all(
            elements: &mut Vec<Self>,
            count: usize,
            r: &mut $crate::wire::Reader<'_>,
        ) -> Result<(), $crate::error::DecodeError> {
            $crate::wire::decode_each_hot(elements, count, r)
        }

        fn decode_array(
            elements: &mut Vec<Self>,
            r: &mut $crate::wire::Reader<'_>,
        ) -> Result<(), $crate::error::DecodeError> {
            match $crate::wire::counted(r)? {
                0 => Ok(()),
                count => $crate::wire::decode_each_hot(elements, count, r),
            }
        }
    };
}

/// The default of a row, in Rust.
macro_rules! default_of {
    ([$($exceptions:tt)*] $default:literal) => {
        $default
    };
    ([]) => {
        Default::default()
    };
    ([empty $($rest:tt)*]) => {
        Some(Default::default())
    };
    ([$skipped:tt $($rest:tt)*]) => {
        default_of!([$($rest)*])
    };
}

/// The last version of a row: `3..` has none, `3..=7` has 7. A row of one version is `3..=3`.
macro_rules! until {
    ($since:literal) => {
        i16::MAX
    };
    ($since:literal $until:literal) => {
        $until
    };
}

macro_rules! exceptions {
    ($f:ident;) => {};
    ($f:ident; null $lo:literal.. $(, $($rest:tt)*)?) => {
        $f.null = ($lo, i16::MAX);
        $( exceptions!($f; $($rest)*); )?
    };
    ($f:ident; null $lo:literal..=$hi:literal $(, $($rest:tt)*)?) => {
        $f.null = ($lo, $hi);
        $( exceptions!($f; $($rest)*); )?
    };
    ($f:ident; tag $tag:literal $(, $($rest:tt)*)?) => {
        $f.tag = Some($tag);
        $( exceptions!($f; $($rest)*); )?
    };
    ($f:ident; ignorable $(, $($rest:tt)*)?) => {
        $f.ignorable = true;
        $( exceptions!($f; $($rest)*); )?
    };
    ($f:ident; plain $(, $($rest:tt)*)?) => {
        $f.plain = true;
        $( exceptions!($f; $($rest)*); )?
    };
    ($f:ident; empty $(, $($rest:tt)*)?) => {
        $f.default = $crate::wire::Literal::Empty;
        $( exceptions!($f; $($rest)*); )?
    };
}
