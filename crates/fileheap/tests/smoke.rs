//! The whole of it once: create, update, read, reopen.

use fileheap::{Box, Heap, Persist, Vec};

#[derive(Persist, Debug)]
struct Library<'h> {
    books: Vec<'h, Book<'h>>,
    best: Option<Box<'h, Book<'h>>>,
    visits: u64,
}

#[derive(Persist, Debug, Clone)]
struct Book<'h> {
    pages: u32,
    notes: Vec<'h, u8>,
}

#[test]
fn smoke() {
    let path = std::env::temp_dir().join(format!("fh-smoke-{}.heap", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let heap = Heap::<Library>::create(&path, |alloc| Library {
        books: alloc.vec(),
        best: None,
        visits: 0,
    })
    .unwrap();
    let n = heap
        .update(|root, alloc| {
            root.visits += 1;
            let mut notes = alloc.vec();
            notes.extend(*b"hello");
            root.books.push(Book { pages: 7, notes });
            root.best = Some(alloc.boxed(root.books[0].clone()));
            root.books.len()
        })
        .unwrap();
    assert_eq!(n, 1);
    let mut w = heap.write().unwrap();
    w.root().visits += 1;
    w.commit().unwrap();
    assert_eq!(heap.read().unwrap().visits, 2);
    println!("{}", fileheap::Shape::of::<Library>().text);
    drop(heap);
    let heap: Heap<Library<'static>> = Heap::<Library>::open(&path).unwrap();
    let read = heap.read().unwrap();
    assert_eq!(read.books[0].notes, *b"hello");
    drop(read);
    heap.close().unwrap();
    std::fs::remove_file(&path).unwrap();
}
