//! Leases, alone and in a fleet.

mod fleet;
mod promises;
mod waiting;
