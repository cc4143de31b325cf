//! A made-up release for the tests: a supermarket that does not exist.

mod attacks;
mod segments;

use super::model::{
    Assignment, GroupInfo, Interval, PrivacyReceipt, Quality, Release, SCHEMA_VERSION, SIMULATED, SegmentPoint,
    SpendLine, Suppressed, Unmatched,
};

pub(crate) use self::attacks::{HOSTILE, odd, release};
use self::segments::{features, segment};

const GROUPS: [(&str, &str, f64); 26] = [
    ("produce", "Fruit & vegetables", 0.96),
    ("dairy", "Milk & dairy", 0.97),
    ("bakery", "Bread & bakery", 0.91),
    ("meat", "Meat", 0.82),
    ("fish", "Fish & seafood", 0.38),
    ("deli", "Deli counter", 0.55),
    ("frozen", "Frozen meals", 0.71),
    ("ice", "Ice cream", 0.58),
    ("snacks", "Crisps & snacks", 0.77),
    ("sweets", "Sweets & chocolate", 0.74),
    ("breakfast", "Breakfast cereal", 0.66),
    ("coffee", "Coffee", 0.52),
    ("tea", "Tea", 0.35),
    ("soft", "Soft drinks", 0.79),
    ("water", "Water", 0.41),
    ("pasta", "Pasta, rice & grains", 0.73),
    ("sauces", "Sauces & spices", 0.69),
    ("baking", "Home baking", 0.44),
    ("baby", "Baby food & nappies", 0.14),
    ("pets", "Pet food", 0.36),
    ("cleaning", "Cleaning & laundry", 0.72),
    ("paper", "Paper goods", 0.75),
    ("care", "Body care", 0.57),
    ("vegan", "Plant-based", 0.17),
    ("world", "World kitchen", 0.29),
    ("garden", "Flowers & garden", 0.21),
];

const SHARES: [&str; 12] =
    ["produce", "dairy", "bakery", "meat", "frozen", "snacks", "soft", "baby", "pets", "cleaning", "care", "vegan"];

/// Label, size, pull of the habits, groups above and groups below the average.
type Plan = (&'static str, f64, f64, &'static [&'static str], &'static [&'static str]);

const PLANS: [Plan; 8] = [
    ("Full weekly baskets", 611.0, 0.55, &["cleaning", "paper", "meat", "baking"], &["vegan"]),
    ("Frozen meals & soft drinks", 468.0, -0.1, &["frozen", "soft", "ice", "snacks"], &["fish", "produce", "tea"]),
    ("Small baskets, few groups", 402.0, -0.7, &[], &["baking", "cleaning", "care", "baby", "garden"]),
    ("Fruit, vegetables & fish", 331.0, 0.2, &["fish", "produce", "tea", "garden"], &["frozen", "soft"]),
    ("Pet food", 263.0, 0.15, &["pets", "cleaning"], &["vegan", "baby"]),
    ("Baby food & nappies", 178.0, 0.4, &["baby", "care", "paper", "breakfast"], &["pets", "garden"]),
    (
        "Plant-based & world kitchen",
        126.0,
        0.1,
        &["vegan", "world", "tea", "pasta", "coffee"],
        &["meat", "deli", "soft"],
    ),
    ("Discount hunters", 92.0, -0.25, &["sweets"], &[]),
];

fn receipt() -> PrivacyReceipt {
    let line = |line: u32, what: &str, sensitivity: f64, sigma: f64, rho_nano: u64| SpendLine {
        line,
        what: what.into(),
        sensitivity,
        sigma,
        rho_nano,
    };
    PrivacyReceipt {
        floor: 50,
        epsilon: 1.0,
        delta: 1e-6,
        rho_nano: 17_500_000,
        delta_floor_atto: 100_000_000_000,
        even_odds_become: 0.731_060_1,
        lines: vec![
            line(1, "Initial centres: votes for public sites", 1.0, 21.82, 1_050_000),
            line(2, "Clustering, round 1: sums and counts", 512.0, 9_100.0, 1_583_000),
            line(3, "Clustering, round 2: sums and counts", 512.0, 9_100.0, 1_583_000),
            line(4, "Clustering, round 3: sums and counts", 512.0, 9_100.0, 1_584_000),
            line(5, "Sizes, with the floor's threshold", 1.0, 11.0, 4_132_231),
            line(6, "Final centroids", 512.0, 6_600.0, 3_008_769),
            line(7, "Category incidence in each segment", 5.1, 42.0, 4_059_000),
            line(8, "Data quality: units touched by a rule", 2.0, 63.2, 500_000),
        ],
        ledger: "5f0c1c1e-7d2a-4c40-9d5e-3a52b6b1d3aa".into(),
        reservation: 7,
        ledger_head: "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab".into(),
        budget_year: "2026".into(),
        releases_left: 5,
        lifetime_epsilon: 2.93,
        lifetime_delta: 1e-5,
    }
}

/// A release that a person could have made.
pub(crate) fn example() -> Release {
    let features = features();
    Release {
        schema_version: SCHEMA_VERSION,
        tactful_version: "0.1.0".into(),
        population: "corner-market".into(),
        unit: "household".into(),
        origin: SIMULATED.into(),
        currency: "USD".into(),
        window_start: "2025-10-01".into(),
        window_end: "2026-09-30".into(),
        campaign_day: Some("2026-10-05".into()),
        created: "2026-10-02T06:14:09Z".into(),
        segments: PLANS.iter().enumerate().map(|(i, plan)| segment(i + 1, plan, &features)).collect(),
        suppressed: vec![Suppressed {
            clusters: 2,
            merged_into: "S3".into(),
            reason: "Below the floor of 50, or too close to it to be sure; merged into the nearest segment.".into(),
        }],
        population_size: around(2471.0, 24.0),
        assignment: Some(Assignment {
            spec_is_whole: false,
            policy: "2026-11-22".into(),
            points: (1..=PLANS.len()).map(|number| point(number, features.len())).collect(),
        }),
        features,
        groups: GROUPS
            .iter()
            .map(|(key, label, incidence)| GroupInfo {
                key: (*key).into(),
                label: (*label).into(),
                incidence: around(*incidence, 0.013),
            })
            .collect(),
        unmatched_promotions: vec![Unmatched {
            id: "P13".into(),
            title: "Wine of the month".into(),
            reason: "Its only category is declared sensitive: sensitive categories are never matched.".into(),
        }],
        quality: vec![
            Quality { rule: "date.unparsable".into(), action: "row dropped".into(), affected: around(0.004, 0.011) },
            Quality {
                rule: "amount.negative".into(),
                action: "row counted as a return".into(),
                affected: around(0.183, 0.011),
            },
            Quality {
                rule: "category.unknown".into(),
                action: "row left out of categories".into(),
                affected: around(0.067, 0.011),
            },
        ],
        privacy: receipt(),
        spec: serde_json::json!({
            "population": "corner-market", "segments": {"number": 10, "floor": 50},
            "privacy": {"epsilon": 1.0, "delta": 1e-6, "epsilon_per_year": 4.0},
            "taxonomy": {"sensitive": ["ALCOHOL*", "PHARMACY*"], "excluded": ["FUEL"]},
        }),
        notes: vec![
            "Sizes are accurate to about 22 households either way.".into(),
            "S8 is small: read its category lifts as hints, not findings.".into(),
        ],
    }
}

fn point(number: usize, features: usize) -> SegmentPoint {
    let steps =
        (0..features).map(|feature| ((number * 613 + feature * 977) % 4001).cast_signed() as i32 - 2000).collect();
    SegmentPoint { segment: format!("S{number}"), steps }
}

fn around(estimate: f64, half: f64) -> Interval {
    Interval { estimate, lower: estimate - half, upper: estimate + half }
}
