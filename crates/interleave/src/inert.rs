//! A scheduler that mostly lets who runs go on: some orders need somebody to run long, at once.

use shuttle::scheduler::{RandomScheduler, Schedule, Scheduler, Task, TaskId};

/// It lets somebody else run about once in so many steps.
const STEPS: u64 = 4;

/// The same orders each time.
pub struct Inert {
    random: RandomScheduler,
    dice: u64,
}

impl Inert {
    /// So many orders.
    #[must_use]
    pub fn new(seed: u64, orders: usize) -> Self {
        Self { random: RandomScheduler::new_from_seed(seed, orders), dice: seed | 1 }
    }

    fn roll(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice >> 11
    }
}

impl Scheduler for Inert {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.random.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let goes_on = !is_yielding && self.roll() % STEPS != 0;
        let may = |current: &TaskId| goes_on && runnable.iter().any(|task| task.id() == *current);
        current.filter(may).or_else(|| self.random.next_task(runnable, current, is_yielding))
    }

    fn next_u64(&mut self) -> u64 {
        self.random.next_u64()
    }
}
