//! Noise after a fork and from several threads.
//!
//! The program never forks, and starts no other process. A library that holds the kernel may; so this holds the one
//! thing that would be fatal: two processes that draw the same noise from the same state.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "there is no fork without it; the kernel itself forbids it")]

mod common;

use std::io::{Read, Write};
use std::sync::{Barrier, Mutex};

use common::{noised, part, permit};
use tactful_kernel::Permit;

/// Standard deviation of the draws, and how many: two lists are equal by chance with a probability far below 2⁻⁶⁴⁰.
const SIGMA: f64 = 1000.0;
const DRAWS: usize = 64;

/// One test at a time: a fork copies locks that other threads hold.
static ALONE: Mutex<()> = Mutex::new(());

fn draw(purse: &mut Permit) -> Vec<i64> {
    noised(&[0; DRAWS], SIGMA, purse)
}

/// What `work` gives in a fork of this process, and what `meanwhile` gives in this one.
fn forked(work: impl FnOnce() -> Vec<i64>, meanwhile: impl FnOnce() -> Vec<i64>) -> (Vec<i64>, Vec<i64>) {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    // SAFETY: the child draws, writes to its pipe and leaves by `_exit`; no other test runs (`ALONE`), so the locks
    // it inherits are free, and the C library's allocator survives a fork.
    match unsafe { libc::fork() } {
        -1 => panic!("no fork"),
        0 => {
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_ok_and(|numbers| {
                let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                writer.write_all(&bytes).is_ok()
            });
            // SAFETY: ends the child without running what belongs to its parent.
            unsafe { libc::_exit(i32::from(!told)) }
        }
        child => {
            drop(writer);
            let here = meanwhile();
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            let mut status = 0;
            // SAFETY: waits for the child that was just made.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0, "the child drew nothing");
            let there = bytes.chunks_exact(8).map(|number| i64::from_le_bytes(number.try_into().unwrap())).collect();
            (here, there)
        }
    }
}

fn all_differ(lists: &[Vec<i64>]) {
    for (index, one) in lists.iter().enumerate() {
        assert_eq!(one.len(), DRAWS);
        let same = |other: &Vec<i64>| one.iter().zip(other).filter(|(a, b)| a == b).count();
        // Two entries agree once in 3500; six of 64 are rarer than one in a million.
        assert!(lists[..index].iter().all(|other| same(other) < 6), "list {index} is like one before");
    }
}

#[test]
fn after_a_fork_parent_and_child_draw_different_noise() {
    let _alone = ALONE.lock().unwrap();
    let mut purse = permit();
    let (mut here, mut there) = (part(&mut purse, 1 << 40), part(&mut purse, 1 << 40));
    // The generator is born and has drawn before the fork: a child that only copied it would repeat its parent.
    let before = draw(&mut purse);
    let (parent, child) = forked(|| draw(&mut there), || draw(&mut here));
    all_differ(&[before, parent, child, draw(&mut here)]);
}

#[test]
fn after_a_fork_of_a_fork_all_three_draw_different_noise() {
    let _alone = ALONE.lock().unwrap();
    let mut purse = permit();
    let before = draw(&mut purse);
    let mut parts: Vec<Permit> = (0..3).map(|_| part(&mut purse, 1 << 40)).collect();
    let (mut first, mut second, mut third) = (parts.remove(0), parts.remove(0), parts.remove(0));
    let (parent, below) = forked(
        || {
            let (child, grandchild) = forked(|| draw(&mut third), || draw(&mut second));
            [child, grandchild].concat()
        },
        || draw(&mut first),
    );
    let (child, grandchild) = below.split_at(DRAWS);
    all_differ(&[before, parent, child.to_vec(), grandchild.to_vec()]);
}

#[test]
fn eight_threads_that_draw_at_once_draw_different_noise() {
    let _alone = ALONE.lock().unwrap();
    let mut purse = permit();
    let parts: Vec<Permit> = (0..8).map(|_| part(&mut purse, 1 << 40)).collect();
    let start = Barrier::new(8);
    let lists: Vec<Vec<i64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .into_iter()
            .map(|mut part| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    (0..4).map(|_| draw(&mut part)).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(lists.len(), 32);
    all_differ(&lists);
}

/// Memory is copied by a fork, and a permit with it: no type stops that. What it can do is bounded: the ledger knows
/// one reservation, and both values say that it paid for them. `kernel/proofs/noise.md` names it as an assumption
/// that nobody forks between a reservation and its last measurement.
#[test]
fn a_fork_copies_a_permit_and_both_values_name_the_same_reservation() {
    let _alone = ALONE.lock().unwrap();
    let mut purse = permit();
    let whose = |purse: &Permit| i64::try_from(purse.reservation().seq).unwrap();
    let mut copied = part(&mut purse, 1 << 40);
    let seq = whose(&copied);
    let before = copied.rho_nano();
    let (child_left, parent_left) = {
        let copy = std::cell::RefCell::new(&mut copied);
        let spend = || {
            let mut permit = copy.borrow_mut();
            draw(&mut permit);
            vec![whose(&permit), i64::try_from(permit.rho_nano()).unwrap()]
        };
        let (here, there) = forked(spend, spend);
        (there, here)
    };
    assert_eq!(child_left, parent_left, "each had the whole of what one had");
    assert_eq!(child_left[0], seq);
    assert!(child_left[1] < i64::try_from(before).unwrap());
}
