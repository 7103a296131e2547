//! Shapes: a type's layout as text to compare, to show, and to be hashed into a fingerprint.

mod diff;

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hasher;
use std::sync::{PoisonError, RwLock};

use siphasher::sip::SipHasher13;

use crate::Persist;

pub use diff::differences;

/// The layout of a type and of all types in it.
///
/// One block for each type, that of the type itself first, in lines like these:
/// ```text
/// Library v1: 40 bytes, aligned to 8
///   titles @0: BTreeMap<u64, String>
///   visits @32: u64
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The text.
    pub text: &'static str,
    /// A hash of the text. The heap keeps it with every root.
    pub fingerprint: u64,
}

/// Shapes never change while a program runs.
static KNOWN: RwLock<Option<HashMap<TypeId, Shape>>> = RwLock::new(None);

impl Shape {
    /// The shape of a type.
    #[must_use]
    pub fn of<T: Persist>() -> Self {
        let id = TypeId::of::<T::At<'static>>();
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(shape) = known.as_ref().and_then(|known| known.get(&id)) {
            return *shape;
        }
        drop(known);
        let mut book = Book::default();
        T::define(&mut book);
        let first = format!("{} v", T::name());
        if !book.text.starts_with(&first) {
            // A number, an array: it has no block of its own.
            let rest = std::mem::take(&mut book).text;
            book.define::<T>(1, |_| ());
            book.text.push_str(&rest);
        }
        let fingerprint = fingerprint(&book.text);
        let shape = Self { text: book.text.leak(), fingerprint };
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        *known.get_or_insert_default().entry(id).or_insert(shape)
    }
}

/// The hash that heaps keep: SipHash 1-3 with zero keys, never 0.
pub(crate) fn fingerprint(text: &str) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write(text.as_bytes());
    hasher.finish().max(1)
}

/// Where a shape is written down, type by type. Types call it in [`Persist::define`].
///
/// Lines of fields name their types. Where two types have one name (of two modules, say), the
/// second is `Item #2`, and from then on each meeting with either says which of them it is: so that
/// types that changed places are another text.
#[derive(Default)]
pub struct Book {
    text: String,
    /// The types met so far, under their names.
    met: HashMap<String, Vec<TypeId>>,
}

impl Book {
    /// Writes the block of type `T`, unless it is there already. `version` is that of its meaning,
    /// for changes that its fields do not show.
    pub fn define<T: Persist>(&mut self, version: u32, describe: impl FnOnce(&mut Block<'_>)) {
        if self.knows::<T>() {
            return;
        }
        let (bytes, align) = (size_of::<T>(), align_of::<T>());
        let title = self.enter::<T>();
        self.line(&format!("{title} v{version}: {bytes} bytes, aligned to {align}"));
        describe(&mut Block { book: self });
    }

    /// Meets a type whose name tells all of its layout: it has no block.
    pub fn meet<T: Persist>(&mut self) {
        if self.knows::<T>() {
            return;
        }
        let title = self.enter::<T>();
        if title != T::name() {
            self.line(&title);
        }
    }

    /// Whether `T` was met: a type that may contain itself need not go further. Asked once for each
    /// time it is met.
    #[must_use]
    pub fn knows<T: Persist>(&mut self) -> bool {
        let name = T::name();
        let id = TypeId::of::<T::At<'static>>();
        let types = self.met.get(&name).map_or(&[][..], |types| types);
        let Some(at) = types.iter().position(|it| *it == id) else { return false };
        if types.len() > 1 {
            self.line(&format!("{name} #{} again", at + 1));
        }
        true
    }

    /// Notes a new type; returns its name, numbered where another one has that already.
    fn enter<T: Persist>(&mut self) -> String {
        let name = T::name();
        let types = self.met.entry(name.clone()).or_default();
        types.push(TypeId::of::<T::At<'static>>());
        match types.len() {
            1 => name,
            count => format!("{name} #{count}"),
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// One type's lines in a [`Book`].
pub struct Block<'a> {
    book: &'a mut Book,
}

impl Block<'_> {
    /// A field of type `F` at an offset.
    pub fn field<F: Persist>(&mut self, name: &str, offset: usize) {
        self.book.line(&format!("  {name} @{offset}: {}", F::name()));
    }

    /// A field of an enum's variant: where it lies follows from the types before it.
    pub fn part<F: Persist>(&mut self, name: &str) {
        self.book.line(&format!("  {name}: {}", F::name()));
    }

    /// Anything else that must be the same.
    pub fn fact(&mut self, fact: &str) {
        self.book.line(&format!("  {fact}"));
    }

    /// What the bytes of a value are: they show where its parts lie.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let mut fact = String::from("bytes");
        for byte in bytes {
            let _ = write!(fact, " {byte:02x}");
        }
        self.fact(&fact);
    }

    /// The same of a value without padding.
    pub(crate) fn specimen<T: Copy>(&mut self, value: &T) {
        // SAFETY: the callers' types have no padding: all bytes are initialized.
        let bytes = unsafe {
            std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>())
        };
        self.bytes(bytes);
    }
}
