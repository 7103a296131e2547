//! What a result was measured on, and the dated record of it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use peers::seam::Result;

const LOCK: &str = include_str!("../../Cargo.lock");
const PEERS: [&str; 7] =
    ["fjall", "heed", "redb", "rusqlite", "libsqlite3-sys", "libmimalloc-sys", "tikv-jemalloc-sys"];

/// The head of every report.
pub fn describe(dir: &Path, rounds: u64, quick: bool) -> String {
    let (date, time) = now();
    let size = if quick { "; QUICK: sizes too small to compare" } else { "" };
    format!(
        "# {date} {time} UTC, {rounds} rounds{size}\n\n\
         - processor: {} x {}\n- memory: {}\n- kernel: {}\n- filesystem: {}\n- compiler: {}\n\
         - glibc {}; {}\n",
        cpu_count(),
        cpu_name(),
        memory(),
        read("/proc/sys/kernel/osrelease"),
        filesystem(dir),
        env!("BENCH_RUSTC"),
        glibc(),
        peer_versions(),
    )
}

/// Adds the report to the record of this day and machine; the file's name.
pub fn write(text: &str) -> Result<String> {
    let name = format!("{}-{}.md", now().0, machine());
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../record");
    fs::create_dir_all(&dir)?;
    let mut file = fs::File::options().create(true).append(true).open(dir.join(&name))?;
    if file.metadata()?.len() > 0 {
        file.write_all(b"\n")?;
    }
    file.write_all(text.as_bytes())?;
    Ok(name)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "unknown".into(), |text| text.trim().into())
}

fn cpu_count() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get())
}

fn cpu_name() -> String {
    let text = read("/proc/cpuinfo");
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or_else(|| "unknown".into(), |line| line.trim_matches([' ', '\t', ':']).into())
}

fn machine() -> String {
    let name: String = cpu_name()
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).take(4).collect();
    format!("{}-{}cpu", words.join("-"), cpu_count())
}

fn memory() -> String {
    let text = read("/proc/meminfo");
    let field = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = field.and_then(|field| field.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.map_or_else(|| "unknown".into(), |kib| format!("{:.1} GiB", kib / 1024.0 / 1024.0))
}

/// Type and options of the mount that holds `dir`.
fn filesystem(dir: &Path) -> String {
    let mounts = read("/proc/mounts");
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let place = words.next()?;
        dir.starts_with(place).then_some((place.len(), words.next()?, words.next()?))
    });
    let found = mounts.max_by_key(|(length, ..)| *length);
    found.map_or_else(|| "unknown".into(), |(_, kind, options)| format!("{kind} ({options})"))
}

fn glibc() -> String {
    // SAFETY: the function returns a static, terminated string.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    version.to_string_lossy().into_owned()
}

fn peer_versions() -> String {
    let mut found = Vec::new();
    let mut lines = LOCK.lines();
    while let Some(line) = lines.next() {
        let name = line.strip_prefix("name = ").map(|name| name.trim_matches('"'));
        if let Some(name) = name.filter(|name| PEERS.contains(name)) {
            let version = lines.next().and_then(|line| line.strip_prefix("version = "));
            let version = version.unwrap_or("?").trim_matches('"');
            found.push(format!("{name} {}", version.split('+').next().unwrap_or(version)));
        }
    }
    found.join(", ")
}

/// Date and time of day, UTC.
fn now() -> (String, String) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil(since / 86_400);
    let minutes = since % 86_400 / 60;
    (format!("{year:04}-{month:02}-{day:02}"), format!("{:02}:{:02}", minutes / 60, minutes % 60))
}

/// Year, month and day of a day counted from 1970-01-01, by eras of 400 years.
fn civil(day_count: u64) -> (u64, u64, u64) {
    let days = day_count + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_778), (2026, 11, 21));
    }
}
