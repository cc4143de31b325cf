//! The simulated shop as files.

use std::borrow::Borrow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use polars::prelude::*;

use super::description::Promotion;
use super::{Shop, SimulateError, Transactions, Truth, catalogue};

/// Name of a file that is written, and what it holds.
pub type Name = (&'static str, &'static str);

/// The files of a simulated shop, with their columns. Ids are 64-bit integers, amounts are
/// currency units, dates are days; `truth.csv` is for looking at, no run reads it. Where customers move, it has their
/// `planted_segment` of the first day, and `planted_segment_at_end`.
pub const FILES: [Name; 5] = [
    ("transactions.parquet", "customer_id, date, basket_id, product_id, amount, discount"),
    ("products.csv", "product_id, product, category"),
    ("promotions.csv", "promotion_id, title, category"),
    ("opt_outs.csv", "customer_id"),
    ("truth.csv", "customer_id, planted_segment"),
];

/// Makes a file of this name, to be written to.
pub(super) type Open<'a> = &'a mut dyn FnMut(&'static str) -> io::Result<File>;

/// Customers whose truth is put into one table at a time.
const TRUTHS: usize = 1 << 18;

pub(super) fn write<T: Borrow<Transactions>>(
    shop: &Shop,
    chunks: impl Iterator<Item = Option<T>>,
    opt_outs: &[u32],
    truth: &Truth,
    open: Open<'_>,
) -> Result<(), SimulateError> {
    let [transactions, products, promotions, opted_out, planted] = FILES.map(|(name, _)| name);
    let failed = |file| SimulateError::Write { file };
    let mut open = |file| open(file).map_err(|_| failed(file));
    parquet(shop, chunks, open(transactions)?, || failed(transactions))?;
    let mut tables = [
        (products, product_table(shop)),
        (promotions, promotion_table(&shop.description.promotions)),
        (opted_out, table([ids("customer_id", opt_outs)])),
    ];
    for (name, table) in &mut tables {
        let table = table.as_mut().map_err(|_| failed(name))?;
        csv(table, true, &mut BufWriter::new(open(name)?)).ok_or_else(|| failed(name))?;
    }
    truths(truth, &mut BufWriter::new(open(planted)?)).ok_or_else(|| failed(planted))
}

/// Makes the files in a folder, which is made too.
pub(super) fn in_folder(dir: &Path) -> Result<impl FnMut(&'static str) -> io::Result<File>, SimulateError> {
    private_folder(dir).map_err(|_| SimulateError::Write { file: FILES[0].0 })?;
    Ok(|name: &'static str| private(&dir.join(name)))
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

/// The data-frame library's own message is not passed on. Without a chunk where there should be one, it was stopped.
fn parquet<T: Borrow<Transactions>>(
    shop: &Shop,
    chunks: impl Iterator<Item = Option<T>>,
    file: File,
    failed: impl Fn() -> SimulateError,
) -> Result<(), SimulateError> {
    let broken = |_| failed();
    let empty = lines(shop, &Transactions::default()).map_err(broken)?;
    let writer = ParquetWriter::new(BufWriter::new(file)).with_compression(ParquetCompression::Snappy);
    let mut writer = writer.batched(empty.schema()).map_err(broken)?;
    for chunk in chunks {
        let chunk = chunk.ok_or(SimulateError::Stopped)?;
        writer.write_batch(&lines(shop, chunk.borrow()).map_err(broken)?).map_err(broken)?;
    }
    writer.finish().map(|_| ()).map_err(broken)
}

fn csv(table: &mut DataFrame, header: bool, file: &mut BufWriter<File>) -> Option<()> {
    CsvWriter::new(&mut *file).include_header(header).finish(table).ok()?;
    file.flush().ok()
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

fn product_table(shop: &Shop) -> PolarsResult<DataFrame> {
    let products = catalogue::products(&shop.description);
    table([
        ids("product_id", &products.iter().map(|product| product.id).collect::<Vec<_>>()),
        texts("product", products.iter().map(|product| product.title.as_str())),
        texts("category", products.iter().map(|product| product.category.as_str())),
    ])
}

fn promotion_table(promotions: &[Promotion]) -> PolarsResult<DataFrame> {
    table([
        texts("promotion_id", promotions.iter().map(|promotion| promotion.id.as_str())),
        texts("title", promotions.iter().map(|promotion| promotion.title.as_str())),
        texts("category", promotions.iter().map(|promotion| promotion.category.as_str())),
    ])
}

fn truths(truth: &Truth, file: &mut BufWriter<File>) -> Option<()> {
    let (names, end): (Vec<_>, _) = (truth.names().collect(), truth.at_end());
    let name = |segment: Option<u8>| segment.map_or("none", |segment| names[usize::from(segment)]);
    let mut all = truth.iter().zip(end.iter()).map(|((id, first), (_, last))| (id, first, last)).peekable();
    let mut header = true;
    while all.peek().is_some() {
        let rows: Vec<(u32, Option<u8>, Option<u8>)> = all.by_ref().take(TRUTHS).collect();
        let customers: Vec<u32> = rows.iter().map(|row| row.0).collect();
        let mut columns =
            vec![ids("customer_id", &customers), texts("planted_segment", rows.iter().map(|row| name(row.1)))];
        if truth.drifts() {
            columns.push(texts("planted_segment_at_end", rows.iter().map(|row| name(row.2))));
        }
        csv(&mut DataFrame::new_infer_height(columns).ok()?, header, file)?;
        header = false;
    }
    Some(())
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
