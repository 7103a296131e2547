//! Child processes of this same program, and the last number each of them said.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A worker or reader.
pub struct Speaker {
    child: Child,
    listener: Option<JoinHandle<()>>,
    said: Arc<AtomicU64>,
}

fn command(verb: &str, dir: &Path, args: &[String]) -> Result<Command, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg(verb).arg(dir).args(args).stdin(Stdio::null());
    Ok(command)
}

impl Speaker {
    /// Starts one; the highest number it says is also noted in `highest`.
    pub fn start(
        verb: &str,
        dir: &Path,
        args: &[String],
        highest: &Arc<AtomicU64>,
    ) -> Result<Self, String> {
        let spawned = command(verb, dir, args)?.stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| format!("cannot start a child: {error}"))?;
        let out = child.stdout.take().ok_or("the child has no output")?;
        let (said, highest) = (Arc::new(AtomicU64::new(0)), highest.clone());
        let heard = said.clone();
        let listener = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let number = line.rsplit(' ').next().and_then(|word| word.parse().ok());
                if let Some(number) = number {
                    heard.store(number, SeqCst);
                    highest.fetch_max(number, SeqCst);
                }
            }
        });
        Ok(Self { child, listener: Some(listener), said })
    }

    /// The last number it said.
    pub fn said(&self) -> u64 {
        self.said.load(SeqCst)
    }

    /// Kills it, hears it out; an error if it had ended by itself.
    pub fn kill(mut self) -> Result<u64, String> {
        let ended = self.child.try_wait().map_err(|error| error.to_string())?;
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        match ended {
            Some(status) => Err(format!("a child ended by itself: {status}")),
            None => Ok(self.said()),
        }
    }

    /// An error if it ended by itself.
    pub fn must_live(&mut self) -> Result<(), String> {
        match self.child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => Err(format!("a child ended by itself: {status}")),
            None => Ok(()),
        }
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a verifier and kills it after a while: recovery is interrupted, too.
pub fn verify_killed(dir: &Path, after: Duration) -> Result<(), String> {
    let mut child = command("verify", dir, &[])?
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    std::thread::sleep(after);
    let _ = child.kill();
    child.wait().map(drop).map_err(|error| error.to_string())
}

/// Runs a verifier to its end: what was recovered. Findings and failures are errors.
pub fn verify(dir: &Path) -> Result<u64, String> {
    let output = patient(command("verify", dir, &[])?)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |word: &str| {
        text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse::<u64>().ok())
    };
    match (output.status.success(), number("recovered "), number("findings ")) {
        (true, Some(commit), Some(0)) => Ok(commit),
        _ => Err(format!(
            "verify: {}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

/// Nobody may hang.
fn patient(mut command: Command) -> Result<Output, String> {
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| error.to_string())?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            return Err("verify hangs".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().map_err(|error| error.to_string())
}
