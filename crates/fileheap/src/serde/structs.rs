//! Structs of the program's own, field by field.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::In;
use crate::Alloc;

/// The name of a field, borrowed or not.
pub struct Field(pub String);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Field;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a field")
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Field, E> {
                Ok(Field(name.into()))
            }
        }
        deserializer.deserialize_identifier(Name)
    }
}

/// A seed for the field that the value goes into.
pub fn field_seed<'h, T>(alloc: Alloc<'h>, _: &Option<T>) -> In<'h, T> {
    In::new(alloc)
}

/// Implements [`DeserializeIn`](crate::serde::DeserializeIn) for a struct: its name, with the
/// lifetime if it has one, and all its fields. Unknown fields are passed over, missing and doubled
/// ones are errors; in formats without names fields come in this order. A plain type that is
/// `Deserialize` is written with `plain` before it.
#[macro_export]
macro_rules! deserialize_in {
    (plain $name:ty) => {
        impl<'h, 'de> $crate::serde::DeserializeIn<'h, 'de> for $name {
            fn deserialize_in<D: ::serde::de::Deserializer<'de>>(
                _: $crate::Alloc<'h>,
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                ::serde::de::Deserialize::deserialize(deserializer)
            }
        }
    };
    ($name:ident $(<$life:lifetime>)? { $($field:ident),+ $(,)? }) => {
        impl<'h, 'de> $crate::serde::DeserializeIn<'h, 'de>
            for $crate::deserialize_in!(@type $name 'h $($life)?)
        {
            fn deserialize_in<D: ::serde::de::Deserializer<'de>>(
                alloc: $crate::Alloc<'h>,
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                struct __Fields<'h>($crate::Alloc<'h>);
                impl<'h, 'de> ::serde::de::Visitor<'de> for __Fields<'h> {
                    type Value = $crate::deserialize_in!(@type $name 'h $($life)?);
                    fn expecting(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.write_str(::core::concat!("struct ", ::core::stringify!($name)))
                    }
                    fn visit_seq<S: ::serde::de::SeqAccess<'de>>(
                        self,
                        mut parts: S,
                    ) -> ::core::result::Result<Self::Value, S::Error> {
                        $(let mut $field = ::core::option::Option::None;)+
                        $(
                            let seed = $crate::serde::field_seed(self.0, &$field);
                            $field = parts.next_element_seed(seed)?;
                        )+
                        $crate::deserialize_in!(@whole $name S $($field)+)
                    }
                    fn visit_map<M: ::serde::de::MapAccess<'de>>(
                        self,
                        mut map: M,
                    ) -> ::core::result::Result<Self::Value, M::Error> {
                        use ::serde::de::Error as _;
                        $(let mut $field = ::core::option::Option::None;)+
                        type __Name = $crate::serde::Field;
                        while let ::core::option::Option::Some(name) = map.next_key::<__Name>()? {
                            match name.0.as_str() {
                                $(::core::stringify!($field) => {
                                    if $field.is_some() {
                                        let name = ::core::stringify!($field);
                                        let error = M::Error::duplicate_field(name);
                                        ::core::result::Result::Err(error)?
                                    }
                                    let seed = $crate::serde::field_seed(self.0, &$field);
                                    let value = map.next_value_seed(seed)?;
                                    $field = ::core::option::Option::Some(value);
                                })+
                                _ => { map.next_value::<::serde::de::IgnoredAny>()?; }
                            }
                        }
                        $crate::deserialize_in!(@whole $name M $($field)+)
                    }
                }
                const __FIELDS: &[&::core::primitive::str] = &[$(::core::stringify!($field)),+];
                let name = ::core::stringify!($name);
                deserializer.deserialize_struct(name, __FIELDS, __Fields(alloc))
            }
        }
    };
    (@whole $name:ident $access:ident $($field:ident)+) => {
        ::core::result::Result::Ok($name {
            $($field: $field.ok_or_else(|| {
                let name = ::core::stringify!($field);
                <$access::Error as ::serde::de::Error>::missing_field(name)
            })?,)+
        })
    };
    (@type $name:ident $h:lifetime) => { $name };
    (@type $name:ident $h:lifetime $life:lifetime) => { $name<$h> };
}
