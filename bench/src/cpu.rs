use std::time::Duration;

/// The kernel counts processor time in these (`USER_HZ`, proc(5)).
const TICK: Duration = Duration::from_millis(10);

/// Processor time of a process so far, user and system, all threads; zero when it is gone.
pub fn cpu_of(pid: u32) -> Duration {
    let fields = stat(pid);
    let ticks =
        |field: usize| fields.get(field).and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
    // utime and stime, counted from the field behind the name.
    TICK * (ticks(11) + ticks(12))
}

/// The processes that a process started and that are there now.
pub fn children_of(pid: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|child| stat(*child).get(1).is_some_and(|parent| *parent == pid.to_string())).collect()
}

/// Memory of a process in bytes, as it is resident now.
pub fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// The fields behind the process's name, which may hold anything.
fn stat(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().map(str::to_owned).collect()
}

/// What was measured on, for whoever reads the figures.
pub fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{cores} cores, {}", model.trim_start_matches(['\t', ' ', ':']))
}
