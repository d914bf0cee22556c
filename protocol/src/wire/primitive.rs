//! The protocol's types: integers, strings, bytes, records, ids, arrays.

use bytes::Bytes;

use super::length::Lengthy;
use super::reader::Reader;
use super::records::Records;
use super::text::Str;
use super::uuid::Uuid;
use super::value::{Element, Literal, Nullable, Wire, counted, decode_each};
use super::writer::Writer;
use crate::error::{DecodeCause, DecodeError, EncodeError};

macro_rules! integers {
    ($($type:ty)*) => { $(
        impl Wire for $type {
            #[inline(always)]
            fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
                w.put(&self.to_be_bytes());
                Ok(())
            }

            #[inline(always)]
            fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
                *self = <$type>::from_be_bytes(r.array()?);
                Ok(())
            }

            #[inline(always)]
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

            fn encode_array(elements: &Vec<Self>, w: &mut Writer) -> Result<(), EncodeError> {
                w.length(Some(elements.len()), Lengthy::Array)?;
                elements.iter().try_for_each(|element| element.encode(w))
            }

            fn decode_all(
                elements: &mut Vec<Self>,
                count: usize,
                r: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                let Some(all) = r.arrays(count) else {
                    // The bytes end too early; this finds the element at which.
                    return decode_each(elements, count, Self::BYTES_MIN, r);
                };
                // Room for all at once is cheaper to make here than to grow to.
                let mut read = Vec::with_capacity(count);
                read.extend(all.iter().map(|one| Self::from_be_bytes(*one)));
                *elements = read;
                Ok(())
            }

            fn decode_array(
                elements: &mut Vec<Self>,
                r: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                match counted(r)? {
                    0 => Ok(()),
                    count => Self::decode_all(elements, count, r),
                }
            }
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
    ($type:ty, $what:expr) => {
        impl Wire for $type {
            fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
                self.encode_some(w)
            }

            fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
                let at = r.position();
                match usize::try_from(r.length($what)?) {
                    Ok(length) => self.decode_content(length, r),
                    Err(_) => Err(DecodeError::new(at, DecodeCause::Null)),
                }
            }

            fn is(&self, default: Literal) -> bool {
                default == Literal::Natural && self.count() == 0
            }
        }

        impl Nullable for $type {
            fn encode_null(w: &mut Writer) -> Result<(), EncodeError> {
                w.length(None, $what)
            }

            fn encode_some(&self, w: &mut Writer) -> Result<(), EncodeError> {
                w.length(Some(self.count()), $what)?;
                self.encode_content(w)
            }

            fn decode_nullable(
                slot: &mut Option<Self>,
                r: &mut Reader<'_>,
            ) -> Result<(), DecodeError> {
                match usize::try_from(r.length($what)?) {
                    Ok(0) => {
                        *slot = Some(Self::default());
                        Ok(())
                    }
                    Ok(length) => slot.insert(Self::default()).decode_content(length, r),
                    Err(_) => {
                        *slot = None;
                        Ok(())
                    }
                }
            }
        }
    };
}

lengthy! { Str, Lengthy::String }
lengthy! { Bytes, Lengthy::Bytes }
lengthy! { Records, Lengthy::Records }

impl<T: Element> Wire for Vec<T> {
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        T::encode_array(self, w)
    }

    fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        T::decode_array(self, r)
    }

    fn is(&self, default: Literal) -> bool {
        default.is_natural() && self.is_empty()
    }
}

impl<T: Element> Nullable for Vec<T> {
    fn encode_null(w: &mut Writer) -> Result<(), EncodeError> {
        w.length(None, Lengthy::Array)
    }

    fn encode_some(&self, w: &mut Writer) -> Result<(), EncodeError> {
        T::encode_array(self, w)
    }

    fn decode_nullable(slot: &mut Option<Self>, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        match r.array_length()? {
            Some(0) => *slot = Some(Self::new()),
            Some(count) => T::decode_all(slot.insert(Self::new()), count, r)?,
            None => *slot = None,
        }
        Ok(())
    }
}

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
trait Content {
    fn count(&self) -> usize;
    fn encode_content(&self, w: &mut Writer) -> Result<(), EncodeError>;
    fn decode_content(&mut self, length: usize, r: &mut Reader<'_>) -> Result<(), DecodeError>;
}

impl Content for Str {
    fn count(&self) -> usize {
        self.as_bytes().len()
    }

    fn encode_content(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.put(self.as_bytes());
        Ok(())
    }

    fn decode_content(&mut self, length: usize, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        let at = r.position();
        *self = Self::from_utf8(r.take(length)?)
            .map_err(|_| DecodeError::new(at, DecodeCause::NotUtf8))?;
        Ok(())
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

    fn decode_content(&mut self, length: usize, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        *self = r.take(length)?;
        Ok(())
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

    fn decode_content(&mut self, length: usize, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.0.decode_content(length, r)
    }
}
