//! What the day changes: seasons of the year, and appetites that turn.

use std::borrow::Cow;
use std::f64::consts::TAU;

use chrono::Datelike;

use super::Shop;
use super::habits::Habits;

/// Days of a year, on average.
const YEAR: f64 = 365.25;

/// Factors on the appetites, by day.
pub(super) struct Calendar {
    /// Whether appetites depend on the day at all.
    varies: bool,
    /// Day of the year of the shop's first day, from 1.
    start: f64,
    /// The day after which nothing turns.
    last: f64,
    /// Amplitude and peak of each group.
    seasons: Vec<(f64, f64)>,
}

impl Calendar {
    pub fn of(shop: &Shop) -> Self {
        let of = &shop.description;
        Self {
            varies: of.appetites_vary(),
            start: f64::from(shop.start.ordinal()),
            last: f64::from(shop.days - 1),
            seasons: of.groups.iter().map(|group| (of.seasonality * group.season, group.peak)).collect(),
        }
    }

    /// Running sum of the appetites of a day.
    pub fn appetite<'a>(&self, habits: &'a Habits, day: u16) -> Cow<'a, [f64]> {
        if !self.varies {
            return Cow::Borrowed(&habits.appetite);
        }
        let (mut before, mut sum) = (0.0, 0.0);
        let each = habits.appetite.iter().zip(&self.seasons).enumerate().map(|(group, (&running, season))| {
            let own = running - before;
            before = running;
            sum += own * self.season(*season, day) * self.turned(habits, group, day);
            sum
        });
        Cow::Owned(each.collect())
    }

    /// 1 + A cos(2π (d − peak) / 365.25), d being the day of the year.
    fn season(&self, (amplitude, peak): (f64, f64), day: u16) -> f64 {
        1.0 + amplitude * (TAU * (self.start + f64::from(day) - peak) / YEAR).cos()
    }

    /// From 1 on the first day, geometrically, to what drift comes to on the last.
    fn turned(&self, habits: &Habits, group: usize, day: u16) -> f64 {
        habits.turn.get(group).map_or(1.0, |turn| (turn * f64::from(day) / self.last).exp())
    }
}
