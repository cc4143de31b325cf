//! How much memory the process may use, and how much it does. A matter of the machine: it decides whether and how
//! slowly a job is done, and never what comes of it.

use std::fs;
use std::str::FromStr;

/// What is allowed for the whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    bytes: Option<u64>,
    named: bool,
}

/// Not a size of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a size is a whole number above 0 followed by MiB, GiB or TiB, such as 4GiB")]
pub struct NotASize;

const UNITS: [(&str, u32); 3] = [("MiB", 20), ("GiB", 30), ("TiB", 40)];

impl FromStr for Memory {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let (digits, shift) =
            UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift))).ok_or(NotASize)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotASize);
        }
        let number: u64 = digits.parse().map_err(|_| NotASize)?;
        let bytes = number.checked_mul(1 << shift).filter(|&bytes| bytes > 0).ok_or(NotASize)?;
        Ok(Self { bytes: Some(bytes), named: true })
    }
}

impl Memory {
    /// What this machine has free now, and the process already holds, less a tenth for others; within the limit of its
    /// control group. Where the system does not tell, nothing is known and everything allowed.
    #[must_use]
    pub fn of_machine() -> Self {
        let free = [free_of_machine(), free_of_group()].into_iter().flatten().min();
        let bytes = free.map(|free| (free - free / 10).saturating_add(resident().unwrap_or(0)));
        Self { bytes, named: false }
    }

    /// Bytes that are allowed, when that is known.
    #[must_use]
    pub fn allowed(&self) -> Option<u64> {
        self.bytes
    }

    /// Who allows that much.
    #[must_use]
    pub fn allower(&self) -> &'static str {
        if self.named { "--memory allows" } else { "this machine has free" }
    }

    /// Whether a person named the size.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.named
    }
}

/// Bytes that the process holds in memory and that are no copy of a file.
pub(crate) fn resident() -> Option<u64> {
    kib_of(&fs::read_to_string("/proc/self/status").ok()?, "RssAnon:")
}

fn free_of_machine() -> Option<u64> {
    kib_of(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

fn kib_of(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What the control group of the process has left: version 2, then version 1. Pages of files count as used and are
/// given up first, so they are left.
fn free_of_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let unified = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let legacy = groups.lines().find_map(|line| line.split_once(":memory:")).map(|(_, path)| path);
    let two = unified.and_then(|path| {
        free_above(&format!("/sys/fs/cgroup{path}"), "memory.max", "memory.current", "inactive_file ")
    });
    let one = legacy.and_then(|path| {
        free_above(
            &format!("/sys/fs/cgroup/memory{path}"),
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file ",
        )
    });
    two.into_iter().chain(one).min()
}

/// The least that a group and those above it have left.
fn free_above(folder: &str, limit: &str, used: &str, of_files: &str) -> Option<u64> {
    let root = if folder.starts_with("/sys/fs/cgroup/memory") { "/sys/fs/cgroup/memory" } else { "/sys/fs/cgroup" };
    let number = |path: String| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    std::path::Path::new(folder)
        .ancestors()
        .take_while(|folder| folder.starts_with(root))
        .filter_map(|folder| {
            let folder = folder.display();
            let limit = number(format!("{folder}/{limit}"))?;
            let used = number(format!("{folder}/{used}"))?;
            let files = fs::read_to_string(format!("{folder}/memory.stat")).ok();
            let files = files
                .and_then(|text| text.lines().find_map(|line| line.strip_prefix(of_files)?.trim().parse::<u64>().ok()));
            Some(limit.saturating_sub(used.saturating_sub(files.unwrap_or(0))))
        })
        .min()
}

/// A size for a message: two digits, rounded up.
pub(crate) fn text(bytes: u64) -> String {
    let (unit, shift) = if bytes >= 10 << 30 { ("GiB", 30) } else { ("MiB", 20) };
    let mut whole = bytes.div_ceil(1 << shift);
    let mut scale = 1;
    while whole >= 100 {
        whole = whole.div_ceil(10);
        scale *= 10;
    }
    format!("{} {unit}", whole * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit_and_nothing_else() {
        let bytes = |text: &str| text.parse::<Memory>().map(|memory| memory.bytes.unwrap());
        assert_eq!(bytes("4GiB"), Ok(4 << 30));
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("2TiB"), Ok(2 << 40));
        for broken in [
            "",
            "4",
            "GiB",
            "4GB",
            "4G",
            "-1",
            "-1GiB",
            "+1GiB",
            "lots",
            "0GiB",
            "1.5GiB",
            "4 GiB",
            "4gib",
            "4GiB ",
            "0x4GiB",
            "99999999999999999999GiB",
            "18446744073709551615TiB",
        ] {
            assert_eq!(bytes(broken), Err(NotASize), "{broken:?}");
        }
    }

    #[test]
    fn a_size_is_told_in_two_digits_and_never_too_small() {
        assert_eq!(text(1), "1 MiB");
        assert_eq!(text(100 << 20), "100 MiB");
        assert_eq!(text((100 << 20) + 1), "110 MiB");
        assert_eq!(text(12 << 30), "12 GiB");
        assert_eq!(text((9 << 30) + 1), "9300 MiB");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_process_holds_grows_with_what_it_writes() {
        let before = resident().unwrap();
        let held = vec![1_u8; 256 << 20];
        let after = resident().unwrap();
        assert!(held.iter().step_by(4096).all(|&byte| byte == 1));
        // Other tests hold and drop memory meanwhile.
        assert!(after > before + (64 << 20), "{before} {after}");
        assert!(Memory::of_machine().allowed().is_some_and(|allowed| allowed > after / 2));
    }

    #[test]
    fn the_free_memory_of_a_machine_is_read_from_its_line() {
        let text = "MemTotal:  100 kB\nMemAvailable:   20 kB\n";
        assert_eq!(kib_of(text, "MemAvailable:"), Some(20 * 1024));
        assert_eq!(kib_of("MemTotal: 1 kB", "MemAvailable:"), None);
    }
}
