//! The stored allocator comes from an Alloc only.
//! expect: E0451

fn main() {
    let _ = fileheap::Here { life: std::marker::PhantomData };
}
