//! The simulated shop as files.

use std::borrow::Borrow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use polars::prelude::*;

use super::{PROMOTIONS, Shop, SimulateError, Transactions, Truth, catalogue};

/// Name of a file that is written, and what it holds.
pub type Name = (&'static str, &'static str);

/// The files of a simulated shop, with their columns. Ids are 64-bit integers, amounts are
/// currency units, dates are days; `truth.csv` is for looking at, no run reads it.
pub const FILES: [Name; 5] = [
    ("transactions.parquet", "customer_id, date, basket_id, product_id, amount, discount"),
    ("products.csv", "product_id, product, category"),
    ("promotions.csv", "promotion_id, title, category"),
    ("opt_outs.csv", "customer_id"),
    ("truth.csv", "customer_id, planted_segment"),
];

pub(super) fn write<T: Borrow<Transactions>>(
    shop: &Shop,
    chunks: impl Iterator<Item = T>,
    opt_outs: &[u32],
    truth: &Truth,
    dir: &Path,
) -> Result<(), SimulateError> {
    let [transactions, products, promotions, opted_out, planted] = FILES.map(|(name, _)| name);
    let failed = |file| move || SimulateError::Write { file };
    private_folder(dir).map_err(|_| failed(transactions)())?;
    parquet(shop, chunks, &dir.join(transactions)).ok_or_else(failed(transactions))?;
    csv(product_table(), &dir.join(products)).ok_or_else(failed(products))?;
    csv(promotion_table(), &dir.join(promotions)).ok_or_else(failed(promotions))?;
    csv(table([ids("customer_id", opt_outs)]), &dir.join(opted_out)).ok_or_else(failed(opted_out))?;
    csv(truth_table(truth), &dir.join(planted)).ok_or_else(failed(planted))
}

/// A file for its owner alone, as customers' files are; a link in its place is not followed.
fn private(path: &Path) -> io::Result<File> {
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).custom_flags(no_link).open(path)
}

/// A folder, and those around it, for its owner alone.
///
/// # Errors
/// Those of the file system.
pub fn private_folder(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Writes a text of a simulated shop beside its other files.
///
/// # Errors
/// Those of the file system.
pub fn private_text(path: &Path, text: &str) -> io::Result<()> {
    private(path)?.write_all(text.as_bytes())
}

/// `None` when it cannot be written: the data-frame library's own message is not passed on.
fn parquet<T: Borrow<Transactions>>(shop: &Shop, chunks: impl Iterator<Item = T>, path: &Path) -> Option<()> {
    let file = BufWriter::new(private(path).ok()?);
    let empty = lines(shop, &Transactions::default()).ok()?;
    let writer = ParquetWriter::new(file).with_compression(ParquetCompression::Snappy);
    let mut writer = writer.batched(empty.schema()).ok()?;
    for chunk in chunks {
        writer.write_batch(&lines(shop, chunk.borrow()).ok()?).ok()?;
    }
    writer.finish().ok().map(|_| ())
}

fn csv(table: PolarsResult<DataFrame>, path: &Path) -> Option<()> {
    let file = BufWriter::new(private(path).ok()?);
    CsvWriter::new(file).finish(&mut table.ok()?).ok()
}

fn lines(shop: &Shop, lines: &Transactions) -> PolarsResult<DataFrame> {
    let start = shop.start.signed_duration_since(chrono::NaiveDate::default()).num_days() as i32;
    let days: Vec<i32> = lines.day.iter().map(|&day| start + i32::from(day)).collect();
    let basket: Vec<i64> = lines.basket.iter().map(|&basket| basket as i64).collect();
    table([
        ids("customer_id", &lines.customer),
        Column::new("date".into(), days).cast(&DataType::Date)?,
        Column::new("basket_id".into(), basket),
        ids("product_id", &lines.product),
        units("amount", &lines.amount),
        units("discount", &lines.discount),
    ])
}

fn product_table() -> PolarsResult<DataFrame> {
    let products = catalogue::products();
    table([
        ids("product_id", &products.iter().map(|product| product.id).collect::<Vec<_>>()),
        texts("product", products.iter().map(|product| product.title.as_str())),
        texts("category", products.iter().map(|product| product.category)),
    ])
}

fn promotion_table() -> PolarsResult<DataFrame> {
    table([
        texts("promotion_id", PROMOTIONS.iter().map(|promotion| promotion.id)),
        texts("title", PROMOTIONS.iter().map(|promotion| promotion.title)),
        texts("category", PROMOTIONS.iter().map(|promotion| promotion.category)),
    ])
}

fn truth_table(truth: &Truth) -> PolarsResult<DataFrame> {
    let names: Vec<_> = truth.names().collect();
    let (customers, planted): (Vec<u32>, Vec<_>) = truth
        .iter()
        .map(|(customer, segment)| (customer, segment.map_or("none", |segment| names[usize::from(segment)])))
        .unzip();
    table([ids("customer_id", &customers), texts("planted_segment", planted.into_iter())])
}

fn table<const N: usize>(columns: [Column; N]) -> PolarsResult<DataFrame> {
    DataFrame::new_infer_height(columns.into())
}

fn ids(name: &str, ids: &[u32]) -> Column {
    Column::new(name.into(), ids.iter().map(|&id| i64::from(id)).collect::<Vec<_>>())
}

fn units(name: &str, hundredths: &[i64]) -> Column {
    Column::new(name.into(), hundredths.iter().map(|&amount| amount as f64 / 100.0).collect::<Vec<_>>())
}

fn texts<'a>(name: &str, texts: impl Iterator<Item = &'a str>) -> Column {
    Column::new(name.into(), texts.collect::<Vec<_>>())
}
