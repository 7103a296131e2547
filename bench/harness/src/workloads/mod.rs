//! The list of workloads.

pub mod alloc;
pub mod commit;
pub mod fill;
pub mod map;
pub mod open;
pub mod space;

use peers::seam::Result;

use crate::job::Workload;

pub fn all() -> Vec<Workload> {
    vec![
        alloc::workload(),
        space::workload(),
        commit::one(),
        commit::one_nosync(),
        commit::scattered(),
        map::ordered(),
        map::kept(),
        map::hashed(),
        fill::workload(),
        open::warm(),
        open::after_kill(),
    ]
}

pub fn find(name: &str) -> Result<Workload> {
    let found = all().into_iter().find(|workload| workload.name == name);
    found.ok_or_else(|| format!("no workload named {name:?}; `bench list` names them").into())
}
