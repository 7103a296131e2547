//! `Persist`: what may live in a file, and the law that it keeps.

use std::cmp::Reverse;
use std::num::{Saturating, Wrapping};
use std::ops::Range;

use crate::shape::Book;

/// A type whose values may live in a heap.
///
/// Derive it: `#[derive(Persist)]` works for structs and enums all of whose fields are `Persist`,
/// and refuses the rest with a reason. A type that owns memory of the file has exactly one lifetime
/// parameter, which it hands to its fields:
///
/// ```
/// use fileheap::{BTreeMap, Persist, Vec};
///
/// #[derive(Persist)]
/// struct Library<'h> {
///     titles: BTreeMap<'h, u64, Vec<'h, u8>>,
///     visits: u64,
/// }
/// ```
///
/// The lifetime is that of the access through which the value was got. It is what keeps memory of
/// the file from outliving the transaction that it was allocated in.
///
/// Dropping boxes in boxes recurses, as with std: a chain of hundreds of thousands overflows the
/// stack, which ends the process (and undoes its transaction). Take long chains apart in a loop, or
/// link them with [`Rel`](crate::Rel) or with indices into a vector.
///
/// # Safety
/// For who implements it by hand, all of these hold:
/// - A value means the same in another process and after a restart: it holds no pointer, except
///   into the heap it lives in, no file, lock, thread, or address of code.
/// - It has no interior mutability, and shared references to it may be used on several threads.
/// - What it owns was allocated by [`Here`](crate::Here), and its destructor reaches nothing else.
/// - `At<'x>` is the same type with its one lifetime replaced, if it has one; the layout is the
///   same for all of them, and `At<'x>` is invariant under `At`: `T::At<'x>::At<'y>` is
///   `T::At<'y>`. A field that owns file memory never has another lifetime.
/// - `ANYWHERE` is true only if no address is in it.
/// - `name` and `define` tell the layout completely: types of one text have one layout. `define`
///   begins with a call to one method of the book, and calls that of each type in it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot live in a heap file",
    label = "`Persist` is not implemented for this",
    note = "derive it for your own structs and enums: `#[derive(Persist)]`",
    note = "of the standard library's types, numbers, `bool`, `char`, tuples, arrays, `Option`, \
            `Duration` and the like can; for `String`, `Vec`, `Box`, maps and sets use those of \
            `fileheap`; references, `Rc`, `Arc`, `Cell`, `Mutex`, function and raw pointers cannot"
)]
pub unsafe trait Persist: Sized {
    /// The same type with another lifetime.
    type At<'x>: Persist + 'x;

    /// Values hold no address: they are good wherever the heap is mapped.
    const ANYWHERE: bool;

    /// The type's name in shapes, with that of its parameters.
    fn name() -> String;

    /// Writes down its layout, and that of the types in it.
    fn define(book: &mut Book);
}

/// Types without parameters whose name tells all there is to know of them.
macro_rules! plain {
    ($($type:ty)*) => {$(
        // SAFETY: bytes without addresses, whose layout the language or its library promises, or
        // which `define` shows by size and alignment.
        unsafe impl Persist for $type {
            type At<'x> = $type;
            const ANYWHERE: bool = true;

            fn name() -> String {
                plain_name(stringify!($type))
            }

            fn define(book: &mut Book) {
                book.meet::<Self>();
            }
        }
    )*};
}
plain! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool char }
plain! { std::num::NonZeroU8 std::num::NonZeroU16 std::num::NonZeroU32 std::num::NonZeroU64 }
plain! { std::num::NonZeroU128 std::num::NonZeroUsize std::num::NonZeroI8 std::num::NonZeroI16 }
plain! { std::num::NonZeroI32 std::num::NonZeroI64 std::num::NonZeroI128 std::num::NonZeroIsize }
plain! { std::cmp::Ordering }

/// Library types of private layout: shown by the bytes of a specimen.
macro_rules! specimen {
    ($($type:ty, $value:expr;)*) => {$(
        // SAFETY: no addresses in it; the specimen's bytes show where its parts lie.
        unsafe impl Persist for $type {
            type At<'x> = $type;
            const ANYWHERE: bool = true;

            fn name() -> String {
                plain_name(stringify!($type))
            }

            fn define(book: &mut Book) {
                book.define::<Self>(1, |block| block.specimen(&$value));
            }
        }
    )*};
}
specimen! {
    std::net::Ipv4Addr, std::net::Ipv4Addr::new(1, 2, 3, 4);
    std::net::Ipv6Addr, std::net::Ipv6Addr::new(1, 2, 3, 4, 5, 6, 7, 0x809);
}

fn plain_name(path: &str) -> String {
    path.rsplit("::").next().unwrap_or_default().trim().to_owned()
}

// SAFETY: no addresses; a specimen shows which of its two parts comes first.
unsafe impl Persist for std::time::Duration {
    type At<'x> = Self;
    const ANYWHERE: bool = true;

    fn name() -> String {
        "Duration".into()
    }

    fn define(book: &mut Book) {
        book.define::<Self>(1, |block| {
            let specimen = Self::new(0x0102_0304_0506_0708, 0x0a0b_0c0d);
            let second = std::ptr::from_ref(&specimen).cast::<[u8; 4]>();
            // SAFETY: bytes 8 to 11 of 16: the beginning of the part that comes second, be it the
            // eight bytes of seconds or the four of nanoseconds.
            block.bytes(&unsafe { second.add(2).read() });
        });
    }
}

// SAFETY: nothing is in it.
unsafe impl<T: Persist> Persist for std::marker::PhantomData<T> {
    type At<'x> = std::marker::PhantomData<T::At<'x>>;
    const ANYWHERE: bool = true;

    fn name() -> String {
        format!("PhantomData<{}>", T::name())
    }

    fn define(book: &mut Book) {
        book.meet::<Self>();
    }
}

macro_rules! transparent {
    ($($kind:ident),*) => {$(
        // SAFETY: repr(transparent).
        unsafe impl<T: Persist> Persist for $kind<T> {
            type At<'x> = $kind<T::At<'x>>;
            const ANYWHERE: bool = T::ANYWHERE;

            fn name() -> String {
                format!("{}<{}>", stringify!($kind), T::name())
            }

            fn define(book: &mut Book) {
                book.meet::<Self>();
                T::define(book);
            }
        }
    )*};
}
transparent!(Wrapping, Saturating, Reverse);

// SAFETY: two fields, whose offsets are told.
unsafe impl<T: Persist> Persist for Range<T> {
    type At<'x> = Range<T::At<'x>>;
    const ANYWHERE: bool = T::ANYWHERE;

    fn name() -> String {
        format!("Range<{}>", T::name())
    }

    fn define(book: &mut Book) {
        book.define::<Self>(1, |block| {
            block.field::<T>("start", std::mem::offset_of!(Self, start));
            block.field::<T>("end", std::mem::offset_of!(Self, end));
        });
        T::define(book);
    }
}

// SAFETY: elements one after another.
unsafe impl<T: Persist, const N: usize> Persist for [T; N] {
    type At<'x> = [T::At<'x>; N];
    const ANYWHERE: bool = T::ANYWHERE;

    fn name() -> String {
        format!("[{}; {N}]", T::name())
    }

    fn define(book: &mut Book) {
        book.meet::<Self>();
        T::define(book);
    }
}

// SAFETY: a T or nothing; `define` tells how nothing is told from a T.
unsafe impl<T: Persist> Persist for Option<T> {
    type At<'x> = Option<T::At<'x>>;
    const ANYWHERE: bool = T::ANYWHERE;

    fn name() -> String {
        format!("Option<{}>", T::name())
    }

    fn define(book: &mut Book) {
        book.define::<Self>(1, |block| {
            let is_niche = size_of::<Self>() == size_of::<T>();
            block.fact(if is_niche { "in a niche" } else { "tagged" });
            if !is_niche {
                // A payload without niches, of the same size and alignment, lies where T does.
                let specimen = Some(std::mem::MaybeUninit::<T>::uninit());
                let inner = specimen.as_ref().map_or(0, |inner| inner.as_ptr() as usize);
                let at = inner - std::ptr::from_ref(&specimen) as usize;
                block.fact(&format!("some @{at} of {}", size_of_val(&specimen)));
            }
        });
        T::define(book);
    }
}

// SAFETY: nothing is in it.
unsafe impl Persist for () {
    type At<'x> = ();
    const ANYWHERE: bool = true;

    fn name() -> String {
        "()".into()
    }

    fn define(book: &mut Book) {
        book.meet::<Self>();
    }
}

macro_rules! tuples {
    ($($name:ident $index:tt),*) => {
        // SAFETY: the fields and their offsets are told.
        unsafe impl<$($name: Persist),*> Persist for ($($name,)*) {
            type At<'x> = ($($name::At<'x>,)*);
            const ANYWHERE: bool = true $(&& $name::ANYWHERE)*;

            fn name() -> String {
                let names = [$($name::name()),*];
                format!("({})", names.join(", "))
            }

            fn define(book: &mut Book) {
                book.define::<Self>(1, |block| {
                    use std::mem::offset_of;
                    $(block.field::<$name>(stringify!($index), offset_of!(Self, $index));)*
                });
                $($name::define(book);)*
            }
        }
    };
}
tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
