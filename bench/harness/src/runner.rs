//! Runs workloads: one process per cell, rounds interleaved over the rows, files always removed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Error};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use peers::seam::Result;

use crate::job::{Job, Shot, Table, Workload};
use crate::report::{Outcome, Samples};
use crate::{record, report, workloads};

pub struct Settings {
    pub rounds: Option<u64>,
    pub quick: bool,
    pub dir: PathBuf,
    pub record: bool,
}

/// A cell that takes longer is ended by SIGALRM and counts as failed.
const CELL_LIMIT_SECONDS: u32 = 900;

/// The run's directory; goes when the run ends, however it ends short of a kill.
struct RunDir(PathBuf);

impl RunDir {
    fn create(parent: &Path) -> Result<Self> {
        fs::create_dir_all(parent)?;
        remove_leftovers(parent)?;
        let path = parent.canonicalize()?.join(format!("run-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("could not remove {}: {error}", self.0.display());
        }
    }
}

/// Removes what killed runs left: their processes are gone.
fn remove_leftovers(parent: &Path) -> Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix("run-")?.parse::<u32>().ok());
        if let Some(pid) = pid
            && !Path::new(&format!("/proc/{pid}")).exists()
        {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

pub fn run(chosen: &[Workload], settings: &Settings) -> Result<()> {
    let run_dir = RunDir::create(&settings.dir)?;
    let rounds = settings.rounds.unwrap_or(if settings.quick { 2 } else { 5 });
    let mut text = record::describe(&run_dir.0, rounds, settings.quick);
    print!("{text}");
    for workload in chosen {
        for table in (workload.tables)(settings.quick) {
            let dir = run_dir.0.join(table.id);
            let job = Context { workload, table: &table, dir: &dir, quick: settings.quick };
            let samples = job.measure(rounds)?;
            fs::remove_dir_all(&dir)?;
            let part = report::table(workload.name, &table, &samples);
            print!("{part}");
            text.push_str(&part);
        }
    }
    if settings.record {
        println!("\nrecorded in bench/record/{}", record::write(&text)?);
    }
    Ok(())
}

/// One table being measured.
struct Context<'a> {
    workload: &'a Workload,
    table: &'a Table,
    dir: &'a Path,
    quick: bool,
}

impl Context<'_> {
    fn measure(&self, rounds: u64) -> Result<Samples> {
        let mut samples = Samples::new(self.table);
        let mut broken: Vec<Option<String>> = vec![None; self.table.rows.len()];
        for (index, row) in self.table.rows.iter().enumerate() {
            fs::create_dir_all(self.row_dir(index))?;
            if self.workload.setup.is_some() {
                eprintln!("{}: setting up {row}", self.table.id);
                broken[index] = self.start("setup", "-", index, 0).err().map(|e| e.to_string());
            }
        }
        for shot in &self.table.shots {
            for round in 0..rounds {
                eprintln!("{}: {}, round {} of {rounds}", self.table.id, shot.name, round + 1);
                for (index, broken) in broken.iter_mut().enumerate() {
                    if broken.is_none() {
                        match self.cell(shot, index, round) {
                            Ok(values) => samples.add(index, shot, Outcome::Values(values)),
                            Err(error) => *broken = Some(error.to_string()),
                        }
                    }
                    if let Some(error) = broken {
                        samples.add(index, shot, Outcome::Failed(error.clone()));
                    }
                }
            }
            if self.workload.setup.is_none() {
                broken.fill(None);
            }
        }
        Ok(samples)
    }

    fn row_dir(&self, index: usize) -> PathBuf {
        self.dir.join(index.to_string())
    }

    /// Loads if the workload wants it, lets the disk settle, measures.
    fn cell(&self, shot: &Shot, index: usize, round: u64) -> Result<Vec<f64>> {
        let dir = self.row_dir(index);
        if self.workload.setup.is_none() {
            fs::remove_dir_all(&dir)?;
            fs::create_dir(&dir)?;
        }
        if self.workload.load.is_some() {
            self.load_and_kill(shot, index, round)?;
        } else {
            sync_filesystem(&dir)?;
        }
        let text = self.start("cell", shot.name, index, round)?;
        let line = text.lines().find_map(|line| line.strip_prefix("= ")).unwrap_or_default();
        let values: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        if values.len() != shot.columns.len() {
            return Err(format!("printed {line:?}").into());
        }
        Ok(values)
    }

    fn command(&self, act: &str, shot: &str, index: usize, round: u64) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        let row = self.table.rows[index];
        command.args(["cell", act, self.workload.name, self.table.id, shot, row]);
        command.arg(round.to_string()).arg(if self.quick { "quick" } else { "full" });
        command.arg(self.row_dir(index));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// Runs a process to its end; what it printed.
    fn start(&self, act: &str, shot: &str, index: usize, round: u64) -> Result<String> {
        let output = self.command(act, shot, index, round)?.output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let what = errors.lines().rfind(|line| !line.starts_with("note:")).unwrap_or_default();
        Err(format!("{act} {shot}: {what} ({})", output.status).into())
    }

    /// Starts the load, waits for its line and a little longer, kills it in the middle of work.
    fn load_and_kill(&self, shot: &Shot, index: usize, round: u64) -> Result<()> {
        let mut command = self.command("load", shot.name, index, round)?;
        let mut child = command.stderr(Stdio::inherit()).spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no pipe to the load")?;
        let read = BufReader::new(stdout).read_line(&mut line);
        std::thread::sleep(std::time::Duration::from_micros(1000 + round * 777));
        child.kill()?;
        child.wait()?;
        read?;
        if line.is_empty() { Err("the load ended by itself".into()) } else { Ok(()) }
    }
}

/// Writes back what earlier cells left dirty, so that this cell does not pay for it.
fn sync_filesystem(dir: &Path) -> Result<()> {
    let handle = File::open(dir)?;
    // SAFETY: plain system call on a descriptor we own.
    match unsafe { libc::syncfs(handle.as_raw_fd()) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error().into()),
    }
}

/// The process of one cell: does its act and prints the values.
pub fn be_a_cell(arguments: impl Iterator<Item = String>) -> Result<()> {
    let arguments: Vec<String> = arguments.collect();
    let [act, workload, table, shot, row, round, size, dir] = arguments.as_slice() else {
        return Err("a cell takes eight arguments; `bench run` starts it".into());
    };
    // SAFETY: no handler is installed: the signal ends the process.
    unsafe { libc::alarm(CELL_LIMIT_SECONDS) };
    let job = Job {
        table: table.clone(),
        shot: shot.clone(),
        row: row.clone(),
        round: round.parse()?,
        quick: size == "quick",
        dir: dir.into(),
    };
    let workload = workloads::find(workload)?;
    match act.as_str() {
        "setup" => workload.setup.ok_or("nothing to set up")?(&job),
        "load" => workload.load.ok_or("nothing to load with")?(&job),
        _ => {
            let values: Vec<String> =
                (workload.cell)(&job)?.iter().map(|value| value.to_string()).collect();
            println!("= {}", values.join(" "));
            Ok(())
        }
    }
}
