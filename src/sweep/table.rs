//! What a sweep found: a row a draw, and what the draws of a cell come to.

use std::collections::BTreeMap;
use std::io::Cursor;

use polars::prelude::*;
use serde::Serialize;

use super::metrics::Metrics;
use crate::engine::EngineError;

/// [`Row::outcome`] of a draw that gave a release.
pub const RELEASED: &str = "released";
/// [`Row::outcome`] where the data have fewer customers than the cell asks for.
pub const TOO_FEW_CUSTOMERS: &str = "too_few_customers";

/// One draw: the parameters of its cell, its seed, and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Number of the cell, from 0, in the grid's order.
    pub cell: usize,
    /// ε of the release.
    pub epsilon: f64,
    /// δ of the release.
    pub delta: f64,
    /// ρ that they buy; `None` when they buy none.
    pub rho: Option<f64>,
    /// k floor.
    pub floor: u64,
    /// Segments asked for.
    pub segments: usize,
    /// Name of the subset of features.
    pub features: String,
    /// How many features.
    pub feature_count: usize,
    /// Name of the division of the budget.
    pub split: String,
    /// Per mille of ρ for clustering, incidence, floor, sizes and gate.
    pub shares: [u16; 5],
    /// First day in, `YYYY-MM-DD`.
    pub window_start: String,
    /// First day out, `YYYY-MM-DD`.
    pub window_end: String,
    /// Customers with a purchase in the window and in the sample; exact, which only simulated and public data allow.
    pub customers: usize,
    /// Seed of the noise.
    pub seed: u64,
    /// [`RELEASED`], [`TOO_FEW_CUSTOMERS`], or the code of the error that a run would end with.
    pub outcome: String,
    /// What relevance was measured on: `holdout`, or the `window` itself.
    pub relevance_on: &'static str,
    /// What was measured; all `None` without a release.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// All rows of a sweep, cell by cell, in each with the seeds in the order given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// Where the rows of purchases come from: `simulated` or `public`. There is no third.
    pub origin: &'static str,
    /// Where public purchases were published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// The population that the spec names.
    pub population: String,
    /// A row a draw.
    pub rows: Vec<Row>,
}

/// What is said of every table.
pub const MARK: &str = "exact rows of simulated or public data, noise from seeds: protects nobody";

/// Quartiles of a metric over the draws of a cell that have it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quartiles {
    /// How many draws have it.
    pub draws: usize,
    /// A quarter of them lie below.
    pub lower: f64,
    /// Half of them lie below.
    pub median: f64,
    /// Three quarters of them lie below.
    pub upper: f64,
}

/// What the draws of one cell come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellSummary {
    /// The cell's first row has its parameters.
    #[serde(flatten)]
    pub cell: Parameters,
    /// Draws.
    pub draws: usize,
    /// Draws that gave a release.
    pub released: usize,
    /// By name of the metric; metrics that no draw has are not there.
    pub metrics: BTreeMap<&'static str, Quartiles>,
}

/// The parameters of a cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameters {
    /// Number of the cell.
    pub cell: usize,
    /// ε.
    pub epsilon: f64,
    /// δ.
    pub delta: f64,
    /// k floor.
    pub floor: u64,
    /// Segments asked for.
    pub segments: usize,
    /// Name of the subset of features.
    pub features: String,
    /// Name of the division of the budget.
    pub split: String,
    /// First day in.
    pub window_start: String,
    /// First day out.
    pub window_end: String,
    /// Customers.
    pub customers: usize,
}

impl Table {
    /// Medians and quartiles, cell by cell. A quartile lies between two draws as far as it must: linear interpolation of the order
    /// statistics (type 7 of Hyndman and Fan 1996).
    #[must_use]
    pub fn summary(&self) -> Vec<CellSummary> {
        self.rows.chunk_by(|a, b| a.cell == b.cell).map(summary).collect()
    }

    /// The table as a Parquet file: a row a draw, parameters and metrics as columns, nulls where there is no value. The file's
    /// metadata say what it was made from. Same table, same bytes.
    ///
    /// # Errors
    /// [`EngineError::Internal`]: a defect.
    pub fn parquet(&self) -> Result<Vec<u8>, EngineError> {
        let mut bytes = Cursor::new(Vec::new());
        let said = [
            ("tactful.origin", self.origin.to_owned()),
            ("tactful.mark", MARK.to_owned()),
            ("tactful.population", self.population.clone()),
            ("tactful.published", self.published.clone().unwrap_or_default()),
            ("tactful.version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let said = said.into_iter().filter(|(_, value)| !value.is_empty());
        let metadata = KeyValueMetadata::from_static(said.map(|(key, value)| (key.to_owned(), value)).collect());
        let writer = ParquetWriter::new(&mut bytes).with_compression(ParquetCompression::Snappy);
        let written =
            self.frame().and_then(|mut frame| writer.with_key_value_metadata(Some(metadata)).finish(&mut frame));
        written.map_err(|_| EngineError::Internal("the table of a sweep cannot be written as Parquet"))?;
        Ok(bytes.into_inner())
    }

    fn frame(&self) -> PolarsResult<DataFrame> {
        let rows = &self.rows;
        let whole = |of: fn(&Row) -> u64| rows.iter().map(of).map(u64::cast_signed).collect::<Vec<i64>>();
        let text = |of: fn(&Row) -> &str| rows.iter().map(of).collect::<Vec<&str>>();
        let mut columns = vec![
            Column::new("cell".into(), whole(|row| row.cell as u64)),
            Column::new("epsilon".into(), rows.iter().map(|row| row.epsilon).collect::<Vec<_>>()),
            Column::new("delta".into(), rows.iter().map(|row| row.delta).collect::<Vec<_>>()),
            Column::new("rho".into(), rows.iter().map(|row| row.rho).collect::<Vec<_>>()),
            Column::new("floor".into(), whole(|row| row.floor)),
            Column::new("segments".into(), whole(|row| row.segments as u64)),
            Column::new("features".into(), text(|row| &row.features)),
            Column::new("feature_count".into(), whole(|row| row.feature_count as u64)),
            Column::new("split".into(), text(|row| &row.split)),
            Column::new("split_clustering".into(), whole(|row| row.shares[0].into())),
            Column::new("split_incidence".into(), whole(|row| row.shares[1].into())),
            Column::new("split_floor".into(), whole(|row| row.shares[2].into())),
            Column::new("split_sizes".into(), whole(|row| row.shares[3].into())),
            Column::new("split_gate".into(), whole(|row| row.shares[4].into())),
            Column::new("window_start".into(), text(|row| &row.window_start)),
            Column::new("window_end".into(), text(|row| &row.window_end)),
            Column::new("customers".into(), whole(|row| row.customers as u64)),
            Column::new("seed".into(), rows.iter().map(|row| row.seed).collect::<Vec<u64>>()),
            Column::new("outcome".into(), text(|row| &row.outcome)),
            Column::new("relevance_on".into(), text(|row| row.relevance_on)),
        ];
        let mut by_metric: Vec<Vec<Option<f64>>> = vec![Vec::with_capacity(rows.len()); Metrics::ALL.len()];
        for row in rows {
            by_metric.iter_mut().zip(row.metrics.values()).for_each(|(column, value)| column.push(value));
        }
        for ((name, unit), values) in Metrics::ALL.iter().zip(by_metric) {
            columns.push(if *unit == "count" {
                let counts: Vec<Option<i64>> = values.iter().map(|value| value.map(|count| count as i64)).collect();
                Column::new((*name).into(), counts)
            } else {
                Column::new((*name).into(), values)
            });
        }
        DataFrame::new_infer_height(columns)
    }
}

fn summary(rows: &[Row]) -> CellSummary {
    let first = &rows[0];
    let cell = Parameters {
        cell: first.cell,
        epsilon: first.epsilon,
        delta: first.delta,
        floor: first.floor,
        segments: first.segments,
        features: first.features.clone(),
        split: first.split.clone(),
        window_start: first.window_start.clone(),
        window_end: first.window_end.clone(),
        customers: first.customers,
    };
    let values: Vec<Vec<Option<f64>>> = rows.iter().map(|row| row.metrics.values()).collect();
    let of = |(index, &(name, _)): (usize, &(&'static str, &str))| {
        quartiles(values.iter().filter_map(|values| values[index]).collect()).map(|quartiles| (name, quartiles))
    };
    CellSummary {
        cell,
        draws: rows.len(),
        released: rows.iter().filter(|row| row.outcome == RELEASED).count(),
        metrics: Metrics::ALL.iter().enumerate().filter_map(of).collect(),
    }
}

fn quartiles(mut values: Vec<f64>) -> Option<Quartiles> {
    let last = values.len().checked_sub(1)?;
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * last as f64;
        let (below, part) = (place.floor() as usize, place.fract());
        values[below] + part * (values[(below + 1).min(last)] - values[below])
    };
    Some(Quartiles { draws: values.len(), lower: at(0.25), median: at(0.5), upper: at(0.75) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_as_computed_by_hand() {
        let found = quartiles(vec![4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((found.draws, found.lower, found.median, found.upper), (4, 1.75, 2.5, 3.25));
        let found = quartiles(vec![7.0]).unwrap();
        assert_eq!((found.lower, found.median, found.upper), (7.0, 7.0, 7.0));
        assert!(quartiles(Vec::new()).is_none());
    }

    #[test]
    fn a_table_without_rows_is_a_file_with_its_columns() {
        let table = Table { origin: "simulated", published: None, population: "none".to_owned(), rows: Vec::new() };
        let bytes = table.parquet().unwrap();
        let frame = ParquetReader::new(Cursor::new(bytes)).finish().unwrap();
        assert_eq!((frame.height(), frame.width()), (0, 20 + Metrics::ALL.len()));
        assert!(table.summary().is_empty());
    }
}
