//! A max-tree: finds the first of many zones that may have room.

/// A complete binary tree over positions; each node knows the largest value below it.
#[derive(Default)]
pub(super) struct MaxTree {
    leaves: usize,
    nodes: Vec<u16>,
}

impl MaxTree {
    pub(super) fn clear(&mut self) {
        self.nodes.fill(0);
    }

    /// Sets a value; the tree grows to hold the position.
    pub(super) fn set(&mut self, position: usize, value: u16) {
        if position >= self.leaves {
            self.widen(position + 1);
        }
        let mut node = self.leaves + position;
        if self.nodes[node] == value {
            return;
        }
        self.nodes[node] = value;
        while node > 1 {
            node /= 2;
            let largest = self.nodes[2 * node].max(self.nodes[2 * node + 1]);
            if self.nodes[node] == largest {
                break;
            }
            self.nodes[node] = largest;
        }
    }

    /// The first position whose value is at least `wanted`, which is not 0.
    pub(super) fn find(&self, wanted: u16) -> Option<usize> {
        if self.leaves == 0 || self.nodes[1] < wanted {
            return None;
        }
        let mut node = 1;
        while node < self.leaves {
            node *= 2;
            node += usize::from(self.nodes[node] < wanted);
        }
        Some(node - self.leaves)
    }

    fn widen(&mut self, positions: usize) {
        let old: Vec<u16> = self.nodes.get(self.leaves..).unwrap_or_default().to_vec();
        self.leaves = positions.next_power_of_two().max(16);
        self.nodes = vec![0; self.leaves * 2];
        self.nodes[self.leaves..self.leaves + old.len()].copy_from_slice(&old);
        for node in (1..self.leaves).rev() {
            self.nodes[node] = self.nodes[2 * node].max(self.nodes[2 * node + 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_that_is_large_enough() {
        let mut tree = MaxTree::default();
        assert_eq!(tree.find(1), None);
        for position in 0..100 {
            tree.set(position, (position % 37) as u16);
        }
        assert_eq!(tree.find(36), Some(36));
        assert_eq!(tree.find(1), Some(1));
        tree.set(36, 0);
        assert_eq!((tree.find(36), tree.find(37)), (Some(73), None));
    }
}
