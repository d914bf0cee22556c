//! The protocol's types: integers, strings, bytes, records, ids, arrays.

use bytes::Bytes;

use super::length::Lengthy;
use super::reader::Reader;
use super::records::Records;
use super::text::Str;
use super::uuid::Uuid;
use super::value::{Element, Literal, Nullable, Wire};
use super::writer::Writer;
use crate::error::{DecodeCause, DecodeError, EncodeError};
use crate::limits::ELEMENTS_RESERVED_MAX;

macro_rules! integers {
    ($($type:ty)*) => { $(
        impl Wire for $type {
            fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
                w.put(&self.to_be_bytes());
                Ok(())
            }

            #[inline]
            fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
                *self = <$type>::from_be_bytes(r.array()?);
                Ok(())
            }

            fn is(&self, default: Literal) -> bool {
                match default {
                    Literal::Natural => *self == 0,
                    Literal::Int(value) => i64::from(*self) == value,
                    Literal::Empty => false,
                }
            }
        }

        impl Element for $type {
            const BYTES_MIN: usize = size_of::<Self>();
        }
    )* };
}

integers! { i8 i16 i32 i64 u16 u32 }

impl Wire for f64 {
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.put(&self.to_be_bytes());
        Ok(())
    }

    fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        *self = Self::from_be_bytes(r.array()?);
        Ok(())
    }

    fn is(&self, default: Literal) -> bool {
        default == Literal::Natural && *self == 0.0
    }
}

impl Wire for bool {
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.put(&[u8::from(*self)]);
        Ok(())
    }

    fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        let [byte] = r.array()?;
        *self = byte != 0;
        Ok(())
    }

    fn is(&self, default: Literal) -> bool {
        match default {
            Literal::Natural => !self,
            Literal::Int(value) => i64::from(*self) == value,
            Literal::Empty => false,
        }
    }
}

impl Wire for Uuid {
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.put(&self.0);
        Ok(())
    }

    fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        *self = Self(r.array()?);
        Ok(())
    }

    fn is(&self, default: Literal) -> bool {
        default == Literal::Natural && self.is_zero()
    }
}

/// Types whose null is a length of -1, so that null and present share one way to read and write.
macro_rules! lengthy {
    ($({$($generics:tt)*})? $type:ty, $what:expr) => {
        impl<$($($generics)*)?> Wire for $type {
            fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
                self.encode_some(w)
            }

            fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
                let at = r.position();
                *self = Self::decode_nullable(r)?
                    .ok_or_else(|| DecodeError::new(at, DecodeCause::Null))?;
                Ok(())
            }

            fn is(&self, default: Literal) -> bool {
                default == Literal::Natural && self.count() == 0
            }
        }

        impl<$($($generics)*)?> Nullable for $type {
            fn encode_null(w: &mut Writer) -> Result<(), EncodeError> {
                w.length(None, $what)
            }

            fn encode_some(&self, w: &mut Writer) -> Result<(), EncodeError> {
                w.length(Some(self.count()), $what)?;
                self.encode_content(w)
            }

            fn decode_nullable(r: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
                let length = r.length($what)?;
                length.map(|length| Self::decode_content(length, r)).transpose()
            }
        }
    };
}

lengthy! { Str, Lengthy::String }
lengthy! { Bytes, Lengthy::Bytes }
lengthy! { Records, Lengthy::Records }
lengthy! { {T: Element} Vec<T>, Lengthy::Array }

impl Element for Uuid {
    const BYTES_MIN: usize = 16;
}

impl Element for Str {
    const BYTES_MIN: usize = 1;
}

impl Element for Bytes {
    const BYTES_MIN: usize = 1;
}

/// What stands behind a length.
trait Content: Sized {
    fn count(&self) -> usize;
    fn encode_content(&self, w: &mut Writer) -> Result<(), EncodeError>;
    fn decode_content(length: usize, r: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

impl Content for Str {
    fn count(&self) -> usize {
        self.as_bytes().len()
    }

    fn encode_content(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.put(self.as_bytes());
        Ok(())
    }

    fn decode_content(length: usize, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.position();
        Self::from_utf8(r.take(length)?).map_err(|_| DecodeError::new(at, DecodeCause::NotUtf8))
    }
}

impl Content for Bytes {
    fn count(&self) -> usize {
        self.len()
    }

    fn encode_content(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.put(self);
        Ok(())
    }

    fn decode_content(length: usize, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.take(length)
    }
}

impl Content for Records {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn encode_content(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.records(&self.0);
        Ok(())
    }

    fn decode_content(length: usize, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.take(length).map(Self)
    }
}

impl<T: Element> Content for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }

    fn encode_content(&self, w: &mut Writer) -> Result<(), EncodeError> {
        self.iter().try_for_each(|element| element.encode(w))
    }

    fn decode_content(length: usize, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let left = r.remaining();
        if length > left {
            return Err(r.error(DecodeCause::Count { count: length, left }));
        }
        let fitting = left / T::BYTES_MIN.max(1);
        let mut elements = Self::with_capacity(length.min(fitting).min(ELEMENTS_RESERVED_MAX));
        for index in 0..length {
            if elements.len() == elements.capacity() {
                // Twice as many, but never more than there are said to be.
                elements.reserve_exact(elements.len().clamp(1, length - index));
            }
            let mut element = T::default();
            element.decode(r).map_err(|error| error.at_index(index))?;
            elements.push(element);
        }
        Ok(elements)
    }
}
