//! Many processes with many threads spend from one ledger at once.

use std::collections::BTreeSet;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

use serde_json::json;
use tactful_kernel::Ledger;

use crate::{Dice, campaign, child, confirmation, job, ledger_in, loss, names, opening, request, scratch};

const TEST: &str = "processes::many_sessions_never_pass_the_cap_and_lose_no_spend";

#[test]
fn many_sessions_never_pass_the_cap_and_lose_no_spend() {
    if let Some(job) = job() {
        return spend(&job);
    }
    let (processes, threads, asks) = if campaign() { (8, 8, 157) } else { (4, 4, 25) };
    let folder = scratch();
    let path = ledger_in(&folder);
    let spends = processes * threads * asks;
    // Losses of 1, 2 and 3 are asked for, 2 on average.
    let cap = spends as u64 * 2 * 9 / 10;
    drop(Ledger::open(&path, &opening(loss(cap, 0))).unwrap());
    let start = Instant::now();
    let mut children: Vec<_> = (0..processes)
        .map(|number| {
            let job = format!("{cap} {threads} {asks} {number} {}", path.display());
            child(TEST, &job).spawn().unwrap()
        })
        .collect();
    for child in &mut children {
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }
    let (mut granted, mut refused, mut longest) = (Vec::new(), Vec::new(), Duration::ZERO);
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        for line in said.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["granted", seq, size] => granted.push((seq.parse::<u64>().unwrap(), size.parse::<u64>().unwrap())),
                ["refused", size] => refused.push(size.parse::<u64>().unwrap()),
                ["waited", micros] => longest = longest.max(Duration::from_micros(micros.parse().unwrap())),
                _ => {}
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{processes} x {threads}: {} spends asked for, {} granted, {} refused as exhausted, {seconds:.1} s, longest wait {longest:.1?}",
        granted.len() + refused.len(),
        granted.len(),
        refused.len()
    );
    // Every ask had its answer, and the only refusal was for an exhausted year.
    assert_eq!(granted.len() + refused.len(), spends);
    let status = Ledger::open_existing(&path).unwrap().status().unwrap();
    let sum: u64 = granted.iter().map(|(_, size)| size).sum();
    assert!(sum <= cap && !refused.is_empty());
    assert_eq!((status.spent_in_life.rho_nano, status.reservations), (sum, granted.len() as u64));
    assert_eq!(granted.iter().map(|(seq, _)| seq).collect::<BTreeSet<_>>().len(), granted.len());
    // Nobody was refused what would have fitted.
    assert!(refused.iter().all(|size| *size > status.remaining_in_year.rho_nano));
    assert_eq!(Ledger::verify(&path).unwrap().spent_in_life.rho_nano, sum);
    assert_eq!(names(folder.path()), ["shop.ledger"], "nothing is left beside it");
}

/// The child: threads with a session each, which begin when the parent says so.
fn spend(job: &str) {
    let words: Vec<&str> = job.splitn(5, ' ').collect();
    let [cap, threads, asks, number] = [0, 1, 2, 3].map(|at| words[at].parse::<u64>().unwrap());
    let path = Path::new(words[4]);
    io::stdin().lock().read_line(&mut String::new()).unwrap();
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let mut dice = Dice(number * threads + thread);
                let mut ledger = Ledger::open(path, &opening(loss(cap, 0))).unwrap();
                for ask in 1..=asks {
                    let size = 1 + dice.below(3) as u64;
                    let start = Instant::now();
                    let answer = ledger.reserve(&request(loss(size, 0)));
                    println!("waited {}", start.elapsed().as_micros());
                    match answer {
                        Ok(permit) => {
                            println!("granted {} {size}", permit.reservation().seq);
                            if ask % 10 == 0 {
                                ledger.confirm(&permit.reservation(), &confirmation(json!(ask))).unwrap();
                            }
                        }
                        Err(error) => {
                            assert_eq!(error.code(), "ledger.exhausted", "after {:?}: {error}", start.elapsed());
                            println!("refused {size}");
                        }
                    }
                    if ask % 40 == 0 {
                        ledger = Ledger::open(path, &opening(loss(cap, 0))).unwrap();
                    }
                }
            });
        }
    });
}
