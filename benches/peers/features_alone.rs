//! Features alone, for `features.py`: reads a spec's purchases into bounded rows, once, and says how long it took.
//!
//!     features_alone SPEC DIR [SIZE]
//!
//! DIR is where the spec's paths start, SIZE what memory is allowed, as for `--memory`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, for a script")]

use std::path::Path;
use std::time::Instant;

use tactful::source::memory::Memory;
use tactful::{feature, spec};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (Some(file), Some(folder)) = (args.first(), args.get(1)) else {
        eprintln!("features_alone SPEC DIR [SIZE]");
        std::process::exit(2);
    };
    let memory = args.get(2).map_or_else(Memory::of_machine, |size| size.parse().expect("a size such as 4GiB"));
    let spec = spec::load(Path::new(file)).expect("a sound spec");
    let start = Instant::now();
    match feature::bounded_within(&spec, Path::new(folder), &memory, &|_| ()) {
        Ok(rows) => println!("{:.3} s, {} features", start.elapsed().as_secs_f64(), rows.lattice().dim()),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
