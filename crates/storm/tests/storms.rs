//! A hundred kills and a crowd; `STORM_KILLS` and `STORM_SECONDS` ask for more.

use std::process::Command;

fn number(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.into())
}

fn storm(verb: &str, flag: &str, amount: &str) {
    let dir = std::env::temp_dir().join(format!("storm-{verb}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let mut command = Command::new(env!("CARGO_BIN_EXE_fileheap-storm"));
    let status = command.arg(verb).arg(&dir).args([flag, amount, "--seed", "11"]).status();
    assert!(status.unwrap().success(), "what is left lies in {}", dir.display());
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn killed_workers_lose_nothing() {
    storm("kill", "--kills", &number("STORM_KILLS", "100"));
}

#[test]
fn a_crowd_shares_a_heap_and_outlives_its_dead() {
    storm("crowd", "--seconds", &number("STORM_SECONDS", "8"));
}
