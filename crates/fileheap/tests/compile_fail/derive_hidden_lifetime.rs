//! A lifetime that an alias hides is found by the compiler.
//! expect: lifetime may not live long enough

type Hidden = fileheap::Vec<'static, u8>;

#[derive(fileheap::Persist)]
struct Bad {
    one: Hidden,
}

fn main() {}
