//! Nor does a macro hide a lifetime, or an alias that projects to one.
//! expect: lifetime may not live long enough

use fileheap::Persist;

macro_rules! hidden {
    () => {
        fileheap::Vec<'static, u8>
    };
}

#[derive(Persist)]
struct Bad {
    one: hidden!(),
}

type Still<T> = <T as Persist>::At<'static>;

#[derive(Persist)]
struct Worse<T: Persist> {
    one: Still<T>,
}

fn main() {}
