//! A spec may divide a release's budget otherwise: the receipt says how, and nothing else of the cost changes.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use common::Case;
use serde_json::Value;

/// ρ of all lines of a release's receipt whose name starts so, in nano-ρ.
fn spent(release: &Value, what: &str) -> u64 {
    let lines = release["privacy"]["lines"].as_array().unwrap();
    let ours = lines.iter().filter(|line| line["what"].as_str().unwrap().starts_with(what));
    ours.map(|line| line["rho_nano"].as_u64().unwrap()).sum()
}

fn release(split: &str) -> Value {
    let case = Case::corner_shop(600);
    case.edit("[promotions]", &format!("{split}\n[promotions]"));
    case.run().ok();
    common::release_in(&case.out())
}

#[test]
fn the_receipt_follows_the_split_and_the_cost_does_not() {
    let usual = release("");
    let moved = release("[privacy.split]\nclustering = 360\nincidence = 270\nfloor = 140\nsizes = 100");
    let whole = usual["privacy"]["rho_nano"].as_u64().unwrap();
    assert_eq!(moved["privacy"]["rho_nano"], whole);
    for cost in ["epsilon", "delta", "delta_floor_atto"] {
        assert_eq!(moved["privacy"][cost], usual["privacy"][cost], "{cost}");
    }
    for (what, before, after) in
        [("sizes above the k floor", 70, 140), ("sizes of segments", 70, 100), ("category incidence", 170, 270)]
    {
        for (release, share) in [(&usual, before), (&moved, after)] {
            let (found, due) = (spent(release, what), whole * share / 1000);
            // Noise is bought in whole steps of its deviation, and for no more than the share.
            assert!(found <= due && found * 100 >= due * 95, "{what}: {found} of {due}");
        }
    }
    for release in [&usual, &moved] {
        let lines = release["privacy"]["lines"].as_array().unwrap();
        let sum: u64 = lines.iter().map(|line| line["rho_nano"].as_u64().unwrap()).sum();
        assert!(sum <= whole, "{sum} of {whole}");
    }
    assert!(usual["spec"]["privacy"].get("split").is_none());
    assert_eq!(moved["spec"]["privacy"]["split"]["incidence"], 270);
}

#[test]
fn a_plan_shows_a_split_that_is_not_the_usual_one() {
    let case = Case::corner_shop(1);
    let plain = case.say("plan", &["--customers", "400"]).ok();
    assert!(!plain.stdout.contains("divides it otherwise"), "{plain:?}");
    let json = case.say("plan", &["--customers", "400", "--format", "json"]).ok().json();
    assert_eq!(json["split"]["clustering"], 560);
    case.edit("[promotions]", "[privacy.split]\nclustering = 400\nsizes = 230\n\n[promotions]");
    let moved = case.say("plan", &["--customers", "400"]).ok();
    assert!(moved.stdout.contains("clustering 400, incidence 170, floor 70, sizes 230, gate 100"), "{moved:?}");
    let sizes = |json: &Value| json["forecast"]["size_half_width"].as_f64().unwrap();
    let json_moved = case.say("plan", &["--customers", "400", "--format", "json"]).ok().json();
    // But for a rounding of variance 3, the noise's variance goes with one over the share.
    let variance = |half_width: f64| (half_width / 1.959_964).powi(2) - 3.0;
    let (before, after) = (variance(sizes(&json)), variance(sizes(&json_moved)));
    assert!((before / after - 230.0 / 70.0).abs() < 0.01, "{before} {after}");
    case.edit("sizes = 230", "sizes = 220");
    let refused = case.say("plan", &["--customers", "400"]);
    assert_eq!(refused.status, Some(3));
    assert!(refused.stderr.contains("spec.split-sum") && refused.stderr.contains("10 are missing"), "{refused:?}");
    case.edit("sizes = 220", "sizes = 250\ngate = 80");
    let refused = case.say("plan", &["--customers", "400"]);
    assert_eq!(refused.status, Some(12));
    assert!(refused.stderr.contains("policy.gate-share"), "{refused:?}");
}
