//! How values cross the wire: a cursor to read, a buffer to write, and the values themselves.

mod varint;
mod length;
mod version;
mod text;
mod uuid;
mod records;
mod reader;
mod writer;
mod value;
mod primitive;

pub use self::reader::Reader;
pub use self::records::Records;
pub use self::text::Str;
pub use self::uuid::{Uuid, UuidError};
pub use self::value::{Element, Literal, Nullable, Wire};
pub(crate) use self::value::{counted, decode_each_hot};
pub use self::version::Version;
pub use self::writer::{Segments, Writer};
