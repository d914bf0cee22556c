//! Who asks, as one broker tells another in an Envelope request.

use crate::wire::Str;

message! { DefaultPrincipalData, versions 0..=0, flexible 0.. }

wire_structs! {
    /// A principal: the user that a connection was authenticated as. A version of two bytes stands
    /// before it.
    struct DefaultPrincipalData {
        /// What kind of principal it is: `User` unless a broker's principal builder says otherwise.
        0..     r#type: Str,
        /// Its name, such as `alice` or `ANONYMOUS`.
        0..     name: Str,
        /// Whether it showed a delegation token (KIP-48); who did may not make others.
        0..     token_authenticated: bool,
    }
}
