//! Which free run begins or ends at a page: a mark on the first and last page of each. Volatile.

/// Pages whose marks lie together.
const BLOCK: usize = if cfg!(miri) { 256 } else { 16 * 1024 };

/// Marks of neighbouring pages, and how many there are.
struct Block {
    marks: Box<[u32]>,
    count: usize,
}

/// One mark for each page, 0 if it has none; memory is taken where there are any.
#[derive(Default)]
pub(super) struct Ends {
    blocks: Vec<Option<Block>>,
}

impl Ends {
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
    }

    #[inline]
    pub(super) fn get(&self, page: u64) -> u32 {
        match self.blocks.get(page as usize / BLOCK) {
            Some(Some(block)) => block.marks[page as usize % BLOCK],
            _ => 0,
        }
    }

    #[inline]
    pub(super) fn set(&mut self, page: u64, mark: u32) {
        let index = page as usize / BLOCK;
        let block = match self.blocks.get_mut(index) {
            Some(Some(block)) => block,
            _ => self.make(index),
        };
        let slot = &mut block.marks[page as usize % BLOCK];
        block.count += usize::from(mark != 0);
        block.count -= usize::from(*slot != 0);
        *slot = mark;
    }

    #[cold]
    fn make(&mut self, index: usize) -> &mut Block {
        if index >= self.blocks.len() {
            self.blocks.resize_with(index + 1, || None);
        }
        self.blocks[index].insert(Block { marks: vec![0; BLOCK].into(), count: 0 })
    }

    /// The last mark before `end`, or 0.
    pub(super) fn last_before(&self, end: u64) -> u32 {
        let (last, rest) = (end as usize / BLOCK, end as usize % BLOCK);
        for index in (0..self.blocks.len().min(last + 1)).rev() {
            let Some(block) = self.blocks[index].as_ref().filter(|block| block.count > 0) else {
                continue;
            };
            let stop = if index == last { rest } else { BLOCK };
            if let Some(mark) = block.marks[..stop].iter().rev().find(|mark| **mark != 0) {
                return *mark;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mark_is_found_over_blocks_without_any() {
        let mut ends = Ends::default();
        let far = 5 * BLOCK as u64;
        assert_eq!((ends.get(far), ends.last_before(far)), (0, 0));
        [(3, 7), (far, 8), (far + 9, 9)].into_iter().for_each(|(page, mark)| ends.set(page, mark));
        assert_eq!((ends.get(3), ends.get(4), ends.get(far + 9)), (7, 0, 9));
        let found = [3, 4, far, far + 1, far + 9, 2 * far].map(|end| ends.last_before(end));
        assert_eq!(found, [0, 7, 7, 8, 8, 9]);
        [far, far + 9].into_iter().for_each(|page| ends.set(page, 0));
        assert_eq!(ends.last_before(u64::from(u32::MAX)), 7);
    }
}
