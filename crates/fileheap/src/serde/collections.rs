//! The collections: out of the heap and in.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use allocator_api2::alloc::Allocator;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::{DeserializeIn, In};
use crate::{Alloc, BTreeMap, BTreeSet, Box, HashMap, HashSet, String, Vec, VecDeque, collections};

impl<A: Allocator> Serialize for collections::string::String<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// Collections that are written as sequences or maps.
macro_rules! out {
    ($($collect:ident: $($path:ident)::+<$($param:ident),+>;)*) => {$(
        impl<$($param: Serialize),+, A: Allocator> Serialize
            for collections::$($path)::+<$($param),+, A>
        {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.$collect(self)
            }
        }
    )*};
}
out! {
    collect_seq: deque::VecDeque<T>;
    collect_seq: btree::BTreeSet<T>;
    collect_seq: hash::HashSet<T>;
    collect_map: btree::BTreeMap<K, V>;
    collect_map: hash::HashMap<K, V>;
}

impl<'h, 'de> DeserializeIn<'h, 'de> for String<'h> {
    fn deserialize_in<D: Deserializer<'de>>(
        alloc: Alloc<'h>,
        deserializer: D,
    ) -> Result<Self, D::Error> {
        struct Text<'h>(Alloc<'h>);
        impl<'h> Visitor<'_> for Text<'h> {
            type Value = String<'h>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<String<'h>, E> {
                Ok(self.0.string(text))
            }
        }
        deserializer.deserialize_str(Text(alloc))
    }
}

impl<'h, 'de, T: DeserializeIn<'h, 'de>> DeserializeIn<'h, 'de> for Box<'h, T> {
    fn deserialize_in<D: Deserializer<'de>>(
        alloc: Alloc<'h>,
        deserializer: D,
    ) -> Result<Self, D::Error> {
        T::deserialize_in(alloc, deserializer).map(|value| alloc.boxed(value))
    }
}

/// A collection that is read as a sequence or a map: empty, and with one more.
macro_rules! sequence {
    ($($name:ident $(: $bound:ident + $bound2:ident)?, $new:ident, $add:ident;)*) => {$(
        impl<'h, 'de, T> DeserializeIn<'h, 'de> for $name<'h, T>
        where
            T: DeserializeIn<'h, 'de> $(+ $bound + $bound2)?,
        {
            fn deserialize_in<D: Deserializer<'de>>(
                alloc: Alloc<'h>,
                deserializer: D,
            ) -> Result<Self, D::Error> {
                struct All<'h, T>(Alloc<'h>, PhantomData<T>);
                impl<'h, 'de, T> Visitor<'de> for All<'h, T>
                where
                    T: DeserializeIn<'h, 'de> $(+ $bound + $bound2)?,
                {
                    type Value = $name<'h, T>;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a sequence")
                    }
                    fn visit_seq<S: SeqAccess<'de>>(
                        self,
                        mut elements: S,
                    ) -> Result<Self::Value, S::Error> {
                        let mut all = self.0.$new();
                        while let Some(element) = elements.next_element_seed(In::new(self.0))? {
                            all.$add(element);
                        }
                        Ok(all)
                    }
                }
                deserializer.deserialize_seq(All(alloc, PhantomData))
            }
        }
    )*};
}
sequence! {
    Vec, vec, push;
    VecDeque, deque, push_back;
    BTreeSet: Ord + Sized, btree_set, insert;
    HashSet: Eq + Hash, hash_set, insert;
}

macro_rules! map {
    ($($name:ident: $bound:ident + $bound2:ident, $new:ident;)*) => {$(
        impl<'h, 'de, K, V> DeserializeIn<'h, 'de> for $name<'h, K, V>
        where
            K: DeserializeIn<'h, 'de> + $bound + $bound2,
            V: DeserializeIn<'h, 'de>,
        {
            fn deserialize_in<D: Deserializer<'de>>(
                alloc: Alloc<'h>,
                deserializer: D,
            ) -> Result<Self, D::Error> {
                struct All<'h, K, V>(Alloc<'h>, PhantomData<(K, V)>);
                impl<'h, 'de, K, V> Visitor<'de> for All<'h, K, V>
                where
                    K: DeserializeIn<'h, 'de> + $bound + $bound2,
                    V: DeserializeIn<'h, 'de>,
                {
                    type Value = $name<'h, K, V>;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a map")
                    }
                    fn visit_map<M: MapAccess<'de>>(
                        self,
                        mut entries: M,
                    ) -> Result<Self::Value, M::Error> {
                        let mut all = self.0.$new();
                        let (key, value) = (|| In::new(self.0), || In::new(self.0));
                        while let Some((key, value)) = entries.next_entry_seed(key(), value())? {
                            all.insert(key, value);
                        }
                        Ok(all)
                    }
                }
                deserializer.deserialize_map(All(alloc, PhantomData))
            }
        }
    )*};
}
map! {
    BTreeMap: Ord + Sized, btree_map;
    HashMap: Eq + Hash, hash_map;
}
