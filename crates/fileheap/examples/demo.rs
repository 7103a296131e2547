//! The Rust program of `make demo`: `demo FILE` makes a heap with a guest book in it, or signs it.

use fileheap::{BTreeMap, Heap, Persist, Result, String};

/// The heap's root: an ordinary structure, kept in the file as it is.
#[derive(Persist)]
struct GuestBook<'h> {
    visits: u64,
    notes: BTreeMap<'h, u64, String<'h>>,
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "demo.heap".to_owned());
    let heap = Heap::<GuestBook>::open_or_create(&path, |alloc| GuestBook {
        visits: 0,
        notes: alloc.btree_map(),
    })?;
    heap.update(|book, alloc| {
        book.visits += 1;
        let note = format!("process {} was here", std::process::id());
        book.notes.insert(book.visits, alloc.string(&note));
    })?; // all of it, and on the disk
    let book = heap.read()?;
    println!("   the guest book has {} entries:", book.visits);
    for (number, note) in &book.notes {
        println!("   {number}: {note}");
    }
    Ok(())
}
