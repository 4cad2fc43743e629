//! Numbers that every thread adds to and hardly anybody reads.
//!
//! One number that all cores add to is a cache line that travels between them for each addition, and the exporter's counters
//! are two: an addition took 15 ns from one core and 130 from two at once, for each of them. So a number is a column of cells, a
//! row of which belongs to one thread, and what was counted is the sum of the column: 9 ns, however many count.

use std::{
    array,
    cell::Cell,
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

/// How many numbers stand in one row, so that it fills two cache lines, which processors fetch together.
pub(super) const COLUMNS: usize = 16;

/// The cells of one thread. Should there be more threads than rows, some share one: no addition is lost for that.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Row([AtomicU64; COLUMNS]);

/// Numbers side by side, all 0 at first.
#[derive(Debug)]
pub(super) struct Cells {
    rows: Box<[Row]>,
}

thread_local! {
    /// Which row is this thread's.
    static ROW: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Which row the next thread gets that counts something.
static NEXT_ROW: AtomicUsize = AtomicUsize::new(0);

fn row() -> usize {
    ROW.get().unwrap_or_else(|| {
        let row = NEXT_ROW.fetch_add(1, Ordering::Relaxed);
        ROW.set(Some(row));
        row
    })
}

impl Cells {
    /// As many rows as the machine runs threads at a time.
    pub(super) fn new() -> Self {
        let rows = thread::available_parallelism().map_or(1, NonZero::get);
        Self { rows: (0..rows).map(|_| Row::default()).collect() }
    }

    /// Adds to some of the numbers.
    #[expect(clippy::indexing_slicing, reason = "the remainder is smaller than the number of rows")]
    pub(super) fn add<const N: usize>(&self, amounts: [(usize, u64); N]) {
        let row = &self.rows[row() % self.rows.len()];
        for (column, amount) in amounts {
            if let Some(cell) = row.0.get(column) {
                cell.fetch_add(amount, Ordering::Relaxed);
            }
        }
    }

    /// What was added to each number until now. Whatever happened before this call is in it.
    pub(super) fn sums(&self) -> [u64; COLUMNS] {
        array::from_fn(|column| {
            let cells = self.rows.iter().filter_map(|row| row.0.get(column));
            cells.map(|cell| cell.load(Ordering::Relaxed)).sum()
        })
    }
}

/// Gives out numbers one by one.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The cells that are not yet full, and how many of their numbers are given out.
    current: Option<(Arc<Cells>, usize)>,
}

/// One number.
#[derive(Debug, Clone)]
pub(super) struct Number {
    cells: Arc<Cells>,
    column: usize,
}

impl Numbers {
    /// Another number.
    pub(super) fn next(&mut self) -> Number {
        let (cells, column) = self
            .current
            .take()
            .filter(|(_, used)| *used < COLUMNS)
            .unwrap_or_else(|| (Arc::new(Cells::new()), 0));
        self.current = Some((Arc::clone(&cells), column + 1));
        Number { cells, column }
    }
}

impl Number {
    /// Adds to it.
    pub(super) fn add(&self, amount: u64) {
        self.cells.add([(self.column, amount)]);
    }

    /// What was added to it until now.
    pub(super) fn sum(&self) -> u64 {
        self.cells.sums().get(self.column).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_nothing_taken_for_a_neighbours() {
        let mut numbers = Numbers::default();
        let numbers: Vec<Number> = (0..=2 * COLUMNS).map(|_| numbers.next()).collect();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for (index, number) in numbers.iter().enumerate() {
                        (0..=index).for_each(|_| number.add(3));
                    }
                });
            }
        });
        for (index, number) in numbers.iter().enumerate() {
            assert_eq!(number.sum(), 24 * (index as u64 + 1));
        }
    }
}
