//! Writing R's serialization: references to vectors, and data frames of them.
use fileheap_r_layout::{Kind, NA_INTEGER};

/// Writes objects as R's serialize() does, version 3.
pub struct Writer {
    out: Vec<u8>,
    symbols: Vec<String>,
}

impl Writer {
    pub fn new() -> Self {
        let mut out = b"X\n".to_vec();
        // Format 3, written as R 4.3.0 would, to be read from 3.5.0 on, in UTF-8.
        for word in [3_i32, 0x0004_0300, 0x0003_0500, 5] {
            out.extend(word.to_be_bytes());
        }
        out.extend(b"UTF-8");
        Self { out, symbols: Vec::new() }
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn word(&mut self, word: i32) {
        self.out.extend(word.to_be_bytes());
    }

    fn chars(&mut self, text: &str) {
        let mark = if text.is_ascii() { 1 << 6 } else { 1 << 3 };
        self.word(9 | mark << 12);
        self.word(text.len() as i32);
        self.out.extend(text.as_bytes());
    }

    fn symbol(&mut self, name: &str) {
        match self.symbols.iter().position(|known| known == name) {
            Some(index) => self.word((index as i32 + 1) << 8 | 255),
            None => {
                self.symbols.push(name.to_owned());
                self.word(1);
                self.chars(name);
            }
        }
    }

    /// The entry of a pairlist; its value follows.
    fn pair(&mut self, tag: Option<&str>) {
        self.word(if tag.is_some() { 2 | 1 << 10 } else { 2 });
        tag.into_iter().for_each(|tag| self.symbol(tag));
    }

    fn end(&mut self) {
        self.word(254);
    }

    pub fn texts(&mut self, texts: &[String]) {
        self.word(16);
        self.word(texts.len() as i32);
        texts.iter().for_each(|text| self.chars(text));
    }

    pub fn integers(&mut self, numbers: &[i32]) {
        self.word(13);
        self.word(numbers.len() as i32);
        numbers.iter().for_each(|&number| self.word(number));
    }

    fn double(&mut self, number: f64) {
        self.word(14);
        self.word(1);
        self.out.extend(number.to_bits().to_be_bytes());
    }

    /// A reference to a record, with its `dim` if it has one.
    pub fn reference(&mut self, uuid: [u8; 16], id: u64, kind: Kind, length: u64, dim: &[i32]) {
        self.word(238);
        self.pair(None);
        self.symbol(&format!("fileheap_{}", kind.name()));
        self.pair(None);
        self.symbol("fileheap");
        self.pair(None);
        self.integers(&[kind as i32]);
        self.end();
        self.word(19);
        self.word(6);
        self.integers(&[1]);
        self.word(24);
        self.word(16);
        self.out.extend(uuid);
        self.texts(&[String::new()]);
        self.double(id as f64);
        self.integers(&[kind as i32]);
        self.double(length as f64);
        if !dim.is_empty() {
            self.pair(Some("dim"));
            self.integers(dim);
        }
        self.end();
    }

    /// The head of a data frame of so many columns, which follow; then `frame_end`.
    pub fn frame(&mut self, columns: usize) {
        self.word(19 | 1 << 8 | 1 << 9);
        self.word(columns as i32);
    }

    pub fn frame_end(&mut self, names: &[String], rows: i32) {
        self.pair(Some("names"));
        self.texts(names);
        self.pair(Some("class"));
        self.texts(&["data.frame".to_owned()]);
        self.pair(Some("row.names"));
        self.integers(&[NA_INTEGER, -rows]);
        self.end();
    }
}
