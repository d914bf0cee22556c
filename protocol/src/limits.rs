//! What bytes from the wire can cost at most: every limit of this crate, by its name. The table in
//! the [crate's description](crate) says what each binds.

/// Bytes of a frame, which its four bytes of length can say.
pub const FRAME_BYTES_MAX: usize = 0x7fff_ffff;
/// Bytes of a request frame that brokers take by default. Kafka: `socket.request.max.bytes`.
pub const REQUEST_BYTES_MAX_DEFAULT: usize = 100 << 20;
/// Bytes of a string, compact or not. Kafka refuses longer ones too.
pub const STRING_BYTES_MAX: usize = 0x7fff;
/// Bytes of a bytes or records field, and elements of an array, which a length can say.
pub const LENGTH_MAX: usize = 0x7fff_ffff;
/// Elements that an array reserves memory for on the word of its count, if so many can be in the
/// bytes that are left. Beyond, it grows as they are read.
pub const ELEMENTS_RESERVED_MAX: usize = 4096;
/// Structs inside each other in a message. Tables decide it and not bytes, so that no bytes make
/// reading recurse deeper.
pub const STRUCT_NESTING_MAX: usize = 6;
/// Bytes of memory that a typed message takes for each of its bytes on the wire, while it is read.
/// It takes a frame full of empty array elements to come near.
pub const MEMORY_PER_BYTE_MAX: usize = 96;
/// Compressed message sets inside each other (magic 0 and 1).
pub const MESSAGE_SET_NESTING_MAX: usize = 1;
/// Bytes that one compressed batch may unpack to, unless a caller says otherwise.
pub const DECOMPRESSED_BYTES_MAX_DEFAULT: usize = 128 << 20;
/// Bytes that a compressed batch may unpack to for each of its bytes, unless a caller says
/// otherwise. Deflate cannot do more than 1032.
pub const DECOMPRESSED_RATIO_MAX_DEFAULT: usize = 4096;
/// Bytes that a batch may unpack to whatever the ratio: batches of equal records shrink to almost
/// nothing.
pub const DECOMPRESSED_BYTES_FREE: usize = 16 << 20;
/// Bytes of the buffer that a compressor keeps for the next batch.
pub const COMPRESS_BUFFER_BYTES_MAX: usize = 8 << 20;
/// Records and headers of a row of `rows::decode_records`, which the feature `json` has.
pub const ROW_RECORDS_MAX: usize = 100_000;
/// Bytes of the buffer that a decompressor keeps for the next batch.
pub const DECOMPRESS_BUFFER_BYTES_MAX: usize = 8 << 20;
