//! Types without memory of their own: by their `Deserialize`; and options and tuples of others.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::{DeserializeIn, In};
use crate::Alloc;

macro_rules! plain {
    ($($type:ty)*) => {$(
        impl<'de> DeserializeIn<'_, 'de> for $type {
            fn deserialize_in<D: Deserializer<'de>>(
                _: Alloc<'_>,
                deserializer: D,
            ) -> Result<Self, D::Error> {
                <$type>::deserialize(deserializer)
            }
        }
    )*};
}
plain! {
    () bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64
    core::num::NonZeroU8 core::num::NonZeroU16 core::num::NonZeroU32 core::num::NonZeroU64
    core::time::Duration core::net::IpAddr core::net::Ipv4Addr core::net::Ipv6Addr
    core::net::SocketAddr
}

impl<'h, 'de, T: DeserializeIn<'h, 'de>> DeserializeIn<'h, 'de> for Option<T> {
    fn deserialize_in<D: Deserializer<'de>>(
        alloc: Alloc<'h>,
        deserializer: D,
    ) -> Result<Self, D::Error> {
        struct Maybe<'h, T>(Alloc<'h>, PhantomData<T>);
        impl<'h, 'de, T: DeserializeIn<'h, 'de>> Visitor<'de> for Maybe<'h, T> {
            type Value = Option<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or none")
            }
            fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
                Ok(None)
            }
            fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
                Ok(None)
            }
            fn visit_some<D: Deserializer<'de>>(self, it: D) -> Result<Option<T>, D::Error> {
                T::deserialize_in(self.0, it).map(Some)
            }
        }
        deserializer.deserialize_option(Maybe(alloc, PhantomData))
    }
}

macro_rules! tuple {
    ($($count:literal: $($type:ident)+;)*) => {$(
        impl<'h, 'de, $($type: DeserializeIn<'h, 'de>),+> DeserializeIn<'h, 'de> for ($($type,)+) {
            fn deserialize_in<D: Deserializer<'de>>(
                alloc: Alloc<'h>,
                deserializer: D,
            ) -> Result<Self, D::Error> {
                struct All<'h, $($type),+>(Alloc<'h>, PhantomData<($($type,)+)>);
                impl<'h, 'de, $($type: DeserializeIn<'h, 'de>),+> Visitor<'de>
                    for All<'h, $($type),+>
                {
                    type Value = ($($type,)+);
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "a tuple of {}", $count)
                    }
                    fn visit_seq<Q: SeqAccess<'de>>(
                        self,
                        mut parts: Q,
                    ) -> Result<Self::Value, Q::Error> {
                        let mut taken = 0;
                        let result = ($({
                            let part = parts.next_element_seed(In::<$type>::new(self.0))?;
                            taken += 1;
                            part.ok_or_else(|| Error::invalid_length(taken - 1, &self))?
                        },)+);
                        Ok(result)
                    }
                }
                deserializer.deserialize_tuple($count, All(alloc, PhantomData))
            }
        }
    )*};
}
tuple! {
    1: T0;
    2: T0 T1;
    3: T0 T1 T2;
    4: T0 T1 T2 T3;
    5: T0 T1 T2 T3 T4;
    6: T0 T1 T2 T3 T4 T5;
}
