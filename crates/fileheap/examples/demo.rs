//! The Rust program of `make demo` and the README: signs a guest book in a heap. `demo FILE`

use fileheap::{BTreeMap, Heap, Persist, Result, String};

#[derive(Persist)]
struct GuestBook<'h> {
    visits: u64,
    notes: BTreeMap<'h, u64, String<'h>>, // in the file, with std's methods
}

fn sign(path: &str, note: &str) -> Result<()> {
    let heap = Heap::<GuestBook>::open_or_create(path, |alloc| GuestBook {
        visits: 0,
        notes: alloc.btree_map(),
    })?;
    heap.update(|book, alloc| {
        book.visits += 1; // all of this takes effect, or nothing
        book.notes.insert(book.visits, alloc.string(note));
    })?; // and it is on the disk
    let book = heap.read()?; // one committed state
    for (number, note) in &book.notes {
        println!("   {number}: {note}");
    }
    Ok(())
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "demo.heap".to_owned());
    sign(&path, &format!("process {} was here", std::process::id()))
}
