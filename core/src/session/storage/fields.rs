//! A struct taken apart into its encoded fields.

use core::fmt;

use serde::ser::{self, Impossible, Serialize, SerializeStruct, Serializer};
use zeroize::Zeroizing;

use super::encode;
use crate::error::Error;

/// A field's name, and its name and value in MessagePack.
pub(super) type Field = (&'static str, Zeroizing<Vec<u8>>);

/// Encodes the fields of a struct one by one; the one named `skip` is not even visited.
pub(super) fn fields<T: Serialize>(value: &T, skip: Option<&'static str>) -> Result<Vec<Field>, Error> {
    value.serialize(Apart { skip, fields: Vec::new() }).map_err(|_| Error::Bug("mls.fields"))
}

struct Apart {
    skip: Option<&'static str>,
    fields: Vec<Field>,
}

/// The value was no struct, or a field could not be encoded.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a struct")
    }
}

impl core::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Refused {
        Refused
    }
}

impl SerializeStruct for Apart {
    type Ok = Vec<Field>;
    type Error = Refused;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Refused> {
        if self.skip != Some(name) {
            let field = encode::encode_field(name, value).map_err(|_| Refused)?;
            self.fields.push((name, field));
        }
        Ok(())
    }

    fn end(self) -> Result<Vec<Field>, Refused> {
        Ok(self.fields)
    }
}

/// Serializer methods that refuse.
macro_rules! refuse {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self $(, _: $type)*) -> Result<$ok, Refused> {
            Err(Refused)
        }
    )*};
}

type Never = Impossible<Vec<Field>, Refused>;

impl Serializer for Apart {
    type Ok = Vec<Field>;
    type Error = Refused;
    type SerializeStruct = Apart;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStructVariant = Never;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Apart, Refused> {
        Ok(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Vec<Field>, Refused> {
        Err(Refused)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<Vec<Field>, Refused> {
        Err(Refused)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Vec<Field>, Refused> {
        Err(Refused)
    }

    refuse! {
        serialize_bool(bool) -> Vec<Field>;
        serialize_i8(i8) -> Vec<Field>;
        serialize_i16(i16) -> Vec<Field>;
        serialize_i32(i32) -> Vec<Field>;
        serialize_i64(i64) -> Vec<Field>;
        serialize_u8(u8) -> Vec<Field>;
        serialize_u16(u16) -> Vec<Field>;
        serialize_u32(u32) -> Vec<Field>;
        serialize_u64(u64) -> Vec<Field>;
        serialize_f32(f32) -> Vec<Field>;
        serialize_f64(f64) -> Vec<Field>;
        serialize_char(char) -> Vec<Field>;
        serialize_str(&str) -> Vec<Field>;
        serialize_bytes(&[u8]) -> Vec<Field>;
        serialize_none() -> Vec<Field>;
        serialize_unit() -> Vec<Field>;
        serialize_unit_struct(&'static str) -> Vec<Field>;
        serialize_unit_variant(&'static str, u32, &'static str) -> Vec<Field>;
        serialize_seq(Option<usize>) -> Never;
        serialize_tuple(usize) -> Never;
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_map(Option<usize>) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    }
}
