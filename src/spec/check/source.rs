//! Files, columns and promotions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use chrono::NaiveDate;

use super::super::checked::{
    Amount, File, Format, OptOuts, Origin, Products, PromotionTarget, Promotions, RegisterFile, Sources, Terms,
    Transactions, WorthColumn,
};
use super::super::policy::personal;
use super::super::raw::{
    RawAmount, RawFormat, RawGroup, RawOptOuts, RawProducts, RawPromotions, RawRegister, RawSources, RawTaxonomy,
    RawText, RawTransactions,
};
use super::super::report::Report;
use super::super::rule::{Rule, shown};
use super::printable;
use super::taxonomy::label_of;

/// Lengths of the text that says where purchases were published, in characters.
const MIN_PUBLISHED: usize = 10;
const MAX_PUBLISHED: usize = 300;

/// What rules across parts need to know of what was written.
pub(super) struct Context {
    /// Key and label of the groups, when there is a taxonomy.
    pub(super) groups: Option<Vec<(String, String)>>,
    /// Whether there is a products file.
    pub(super) products: bool,
    /// Whether any discount column is named.
    pub(super) discounts: bool,
    /// Whether a basket column is named.
    pub(super) basket: bool,
    /// The spec's origin.
    origin: Option<Origin>,
}

impl Context {
    pub(super) fn new(origin: Option<Origin>, sources: Option<&RawSources>, taxonomy: Option<&RawTaxonomy>) -> Self {
        let transactions = sources.and_then(|sources| sources.transactions.as_ref());
        let groups = taxonomy.map(|taxonomy| taxonomy.groups.as_deref().unwrap_or_default());
        Self {
            origin,
            groups: groups.map(|groups| groups.iter().map(name_of).collect()),
            products: sources.is_some_and(|sources| sources.products.is_some()),
            discounts: transactions.is_some_and(|t| t.discounts.as_ref().is_some_and(|columns| !columns.is_empty())),
            basket: transactions.is_some_and(|t| t.basket.is_some()),
        }
    }
}

fn name_of(group: &RawGroup) -> (String, String) {
    let key = group.key.clone().unwrap_or_default();
    let label = group.label.clone().unwrap_or_else(|| label_of(&key));
    (key, label)
}

pub(super) fn sources(raw: RawSources, context: &Context, report: &mut Report<'_>) -> Option<Sources> {
    let raw_transactions = raw.transactions?;
    let at = "sources.transactions";
    let by_column = raw_transactions.category.is_some();
    report.must(!(by_column && context.products), &format!("{at}.category"), || Rule::CategoryTwice);
    report.must(by_column || context.products || context.groups.is_none(), "taxonomy", || Rule::CategoryMissing);
    let joined = raw_transactions.product.is_some() || !context.products;
    report.must(joined, "sources.products", || Rule::ProductMissing);
    let transactions = transactions(raw_transactions, context, report);
    let products = raw.products.and_then(|raw| products(raw, context, report));
    let (opt_outs, register) = raw.opt_outs.map_or((None, None), |raw| opt_outs(raw, context, report));
    let consent = raw.consent.and_then(|raw| super::super::people::consent(raw, report));
    Some(Sources { transactions: transactions?, products, opt_outs, register, consent })
}

fn transactions(raw: RawTransactions, context: &Context, report: &mut Report<'_>) -> Option<Transactions> {
    let at = "sources.transactions";
    let file = file(raw.file, raw.format, raw.separator.as_deref(), at, report);
    let mut columns = Columns { at, of_people: true, ..Columns::default() };
    let unit = raw.unit.and_then(|column| columns.unit(column, report));
    let date = raw.date.and_then(|column| columns.own(column, "date", report));
    let basket = raw.basket.and_then(|column| columns.own(column, "basket", report));
    let product = raw.product.and_then(|column| columns.own(column, "product", report));
    // A shop without a catalogue may use the product column as category, so these two may agree.
    let category = raw.category.and_then(|column| columns.shared(column, "category", report));
    let amount = raw.amount.and_then(|amount| self::amount(amount, &mut columns, report));
    let discounts = raw.discounts.unwrap_or_default().into_iter().enumerate();
    let discounts: Vec<String> =
        discounts.filter_map(|(i, column)| columns.own(column, &format!("discounts[{i}]"), report)).collect();
    columns.origins(raw.origin, raw.column_origins, context.origin, report);
    let published = published(raw.published, context.origin, report);
    let date_format = raw.date_format;
    let layout = date_format.as_deref().is_none_or(tells_a_day);
    report.must(layout, &format!("{at}.date_format"), || Rule::DateFormat);
    Some(Transactions {
        file: file?,
        unit: unit?,
        date: date?,
        date_format,
        basket,
        product,
        category,
        amount: amount?,
        discounts,
        published,
    })
}

/// Where the purchases were published: to be said of public ones, and of no others.
fn published(raw: Option<String>, origin: Option<Origin>, report: &mut Report<'_>) -> Option<String> {
    let at = "sources.transactions.published";
    let public = origin == Some(Origin::Public);
    let Some(text) = raw else {
        report.must(!public || report.was_taken_out(at), at, || Rule::PublishedMissing);
        return None;
    };
    let text = text.trim().to_owned();
    let length = text.chars().count();
    let said = (MIN_PUBLISHED..=MAX_PUBLISHED).contains(&length) && !text.chars().any(char::is_control);
    report.must(said, at, || Rule::Published);
    report.must(public || origin.is_none(), at, || Rule::PublishedPrivate);
    Some(text)
}

fn amount(raw: RawAmount, columns: &mut Columns, report: &mut Report<'_>) -> Option<Amount> {
    match raw {
        RawAmount::Column(column) => columns.own(column, "amount", report).map(Amount::Column),
        RawAmount::Product(product) => {
            let quantity = product.quantity.and_then(|column| columns.own(column, "amount.quantity", report));
            let price = product.price.and_then(|column| columns.own(column, "amount.price", report));
            Some(Amount::Product { quantity: quantity?, price: price? })
        }
    }
}

fn products(raw: RawProducts, context: &Context, report: &mut Report<'_>) -> Option<Products> {
    let at = "sources.products";
    let file = file(raw.file, raw.format, raw.separator.as_deref(), at, report);
    let mut columns = Columns { at, of_people: false, ..Columns::default() };
    let product = raw.product.and_then(|column| columns.own(column, "product", report));
    let category = raw.category.and_then(|column| columns.shared(column, "category", report));
    columns.origins(raw.origin, raw.column_origins, context.origin, report);
    Some(Products { file: file?, product: product?, category: category? })
}

fn opt_outs(raw: RawOptOuts, context: &Context, report: &mut Report<'_>) -> (Option<OptOuts>, Option<RegisterFile>) {
    let at = "sources.opt_outs";
    let raw_register = raw.register.is_some();
    let register = raw.register.and_then(|register| match register {
        RawRegister::Usual(true) => Some(RegisterFile::Usual),
        RawRegister::File(path) if !path.trim().is_empty() && !path.contains('\0') => {
            let path = PathBuf::from(path);
            let below = report.must(stays_below(&path), &format!("{at}.register"), || Rule::PathOutside);
            below.then_some(RegisterFile::At(path))
        }
        // Whoever writes false may think that it opens a way past the register.
        RawRegister::Usual(false) | RawRegister::File(_) => {
            report.add(&format!("{at}.register"), Rule::RegisterFile);
            None
        }
    });
    let wrong = register.is_none() && (raw_register || report.was_taken_out(&format!("{at}.register")));
    let layout = raw.format.is_some() || raw.separator.is_some();
    if (wrong || register.is_some()) && raw.file.is_none() && raw.unit.is_none() && !layout {
        return (None, register);
    }
    for (key, there, meaning) in [
        (
            "file",
            raw.file.is_some(),
            "the path of a file with a row for each who opted out, unless `register` says who",
        ),
        ("unit", raw.unit.is_some(), "the column of the customer or household id in that file"),
    ] {
        let missing = || Rule::Missing { key: key.to_owned(), meaning: meaning.to_owned() };
        // What is misspelt or of the wrong type is told once.
        let at = format!("{at}.{key}");
        if !there && !report.was_taken_out(&at) {
            report.add(&at, missing());
        }
    }
    let file = file(raw.file, raw.format, raw.separator.as_deref(), at, report);
    let mut columns = Columns { at, of_people: true, ..Columns::default() };
    let unit = raw.unit.and_then(|column| columns.unit(column, report));
    columns.origins(raw.origin, raw.column_origins, context.origin, report);
    (file.zip(unit).map(|(file, unit)| OptOuts { file, unit }), register)
}

pub(super) fn promotions(raw: RawPromotions, context: &Context, report: &mut Report<'_>) -> Option<Promotions> {
    let at = "promotions";
    let file = file(raw.file, raw.format, raw.separator.as_deref(), at, report);
    let mut columns = Columns { at, of_people: false, ..Columns::default() };
    let id = raw.id.and_then(|column| columns.own(column, "id", report));
    let title = raw.title.and_then(|column| columns.shared(column, "title", report));
    report.must(context.groups.is_some(), at, || Rule::PromotionTaxonomy);
    let by_product = raw.product.is_some();
    report.must(!by_product || context.products, "promotions.product", || Rule::PromotionProducts);
    let written = [&raw.product, &raw.category, &raw.group].into_iter().flatten().count();
    report.must(written == 1, at, || Rule::OneOf { keys: "`product`, `category` and `group`" });
    let mut targets = [
        raw.product.and_then(|column| columns.shared(column, "product", report)).map(PromotionTarget::Product),
        raw.category.and_then(|column| columns.shared(column, "category", report)).map(PromotionTarget::Category),
        raw.group.and_then(|column| columns.shared(column, "group", report)).map(PromotionTarget::Group),
    ];
    let target = targets.iter_mut().find_map(Option::take);
    let only = raw.only.unwrap_or_default().into_iter();
    let only = only.filter_map(|(column, value)| Some((columns.shared(column, "only", report)?, plain(value))));
    let only = only.collect();
    columns.origins(raw.origin, raw.column_origins, context.origin, report);
    let terms = Terms {
        worth: worth(raw.margin, raw.priority, &mut columns, report),
        valid_from: raw.valid_from.and_then(|column| columns.own(column, "valid_from", report)),
        valid_until: raw.valid_until.and_then(|column| columns.own(column, "valid_until", report)),
        exclusions: raw.exclusions.and_then(|column| columns.own(column, "exclusions", report)),
        on: super::day(raw.on.as_deref(), "promotions.on", report),
    };
    Some(Promotions { file: file?, id: id?, title, target: target?, only, terms })
}

fn worth(
    margin: Option<String>,
    priority: Option<String>,
    columns: &mut Columns,
    report: &mut Report<'_>,
) -> Option<WorthColumn> {
    report.must(margin.is_none() || priority.is_none(), "promotions", || Rule::PromotionWorth);
    let margin = margin.and_then(|column| columns.own(column, "margin", report)).map(WorthColumn::Margin);
    margin.or_else(|| priority.and_then(|column| columns.own(column, "priority", report)).map(WorthColumn::Priority))
}

fn plain(value: RawText) -> String {
    match value {
        RawText::Text(text) => text,
        RawText::Number(number) => number.to_string(),
    }
}

/// The columns of one file as they are named.
#[derive(Default)]
struct Columns {
    at: &'static str,
    of_people: bool,
    /// Column → the role that has it.
    used: BTreeMap<String, String>,
    /// Every column that is named.
    seen: BTreeSet<String>,
}

impl Columns {
    /// The privacy unit's column: the one place for an id, which never leaves, and must not itself say who it is.
    fn unit(&mut self, column: String, report: &mut Report<'_>) -> Option<String> {
        let column = self.named(column, "unit", report)?;
        if let Some(found) = personal(&column, true) {
            let broken = Rule::PolicyUnit { column: shown(&column), says: found.says, word: found.word.to_owned() };
            report.add(&format!("{}.unit", self.at), broken);
            return None;
        }
        Some(column)
    }

    /// That the origins which are declared are the spec's, and of columns that are named here.
    fn origins(
        &self,
        of_file: Option<Origin>,
        of_columns: Option<BTreeMap<String, Origin>>,
        spec: Option<Origin>,
        report: &mut Report<'_>,
    ) {
        let Some(spec) = spec else { return };
        let differs = |origin: Origin| origin != spec;
        let broken = || Rule::OriginDiffers { origin: spec.word() };
        if of_file.is_some_and(differs) {
            report.add(&format!("{}.origin", self.at), broken());
        }
        for (column, origin) in of_columns.unwrap_or_default() {
            let at = format!("{}.column_origins.{}", self.at, shown(&column));
            if !self.seen.contains(&column) {
                report.add(&at, Rule::OriginColumn { column: shown(&column) });
            } else if differs(origin) {
                report.add(&at, broken());
            }
        }
    }

    /// A column that has one role only.
    fn own(&mut self, column: String, role: &str, report: &mut Report<'_>) -> Option<String> {
        let column = self.shared(column, role, report)?;
        if let Some(other) = self.used.get(&column) {
            let broken = Rule::ColumnTwice { column: shown(&column), other: format!("`{other}`") };
            report.add(&format!("{}.{role}", self.at), broken);
            return None;
        }
        self.used.insert(column.clone(), role.to_owned());
        Some(column)
    }

    /// A column that may have another role as well.
    fn shared(&mut self, column: String, role: &str, report: &mut Report<'_>) -> Option<String> {
        let column = self.named(column, role, report)?;
        if let Some(found) = personal(&column, self.of_people) {
            let broken = Rule::PolicyColumn { column: shown(&column), says: found.says, word: found.word.to_owned() };
            report.add(&format!("{}.{role}", self.at), broken);
            return None;
        }
        Some(column)
    }

    fn named(&mut self, column: String, role: &str, report: &mut Report<'_>) -> Option<String> {
        let fits = report.must(printable(&column), &format!("{}.{role}", self.at), || Rule::Column);
        self.seen.insert(column.clone());
        if role == "unit" {
            self.used.insert(column.clone(), role.to_owned());
        }
        fits.then_some(column)
    }
}

pub(in super::super) fn file(
    path: Option<String>,
    format: Option<RawFormat>,
    separator: Option<&str>,
    at: &str,
    report: &mut Report<'_>,
) -> Option<File> {
    let path = path?;
    let named = report.must(!path.trim().is_empty() && !path.contains('\0'), &format!("{at}.file"), || Rule::Path);
    if !named {
        return None;
    }
    if !report.must(stays_below(Path::new(&path)), &format!("{at}.file"), || Rule::PathOutside) {
        return None;
    }
    let Some(format) = format.or_else(|| told_by_name(&path)) else {
        report.add(&format!("{at}.file"), Rule::Format);
        return None;
    };
    let usual = if path.to_lowercase().contains(".tsv") { '\t' } else { ',' };
    let only_char = separator.map_or(Some(usual), single);
    let fits = only_char.is_some() && (separator.is_none() || format == RawFormat::Csv);
    if !report.must(fits, &format!("{at}.separator"), || Rule::Separator) {
        return None;
    }
    let format = match format {
        RawFormat::Parquet => Format::Parquet,
        RawFormat::Csv => Format::Csv { separator: only_char? },
        RawFormat::Aligned => Format::Aligned,
    };
    Some(File { path: PathBuf::from(path), format })
}

/// Whether a relative path stays below the folder in which it begins, by its words. An absolute one says plainly where it leads.
pub(super) fn stays_below(path: &Path) -> bool {
    let mut depth = 0_usize;
    path.is_absolute()
        || path.components().all(|part| match part {
            Component::ParentDir => {
                let inside = depth > 0;
                depth = depth.saturating_sub(1);
                inside
            }
            Component::Normal(_) => {
                depth += 1;
                true
            }
            _ => true,
        })
}

fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    let first = chars.next().filter(|_| chars.next().is_none())?;
    let fits = first.is_ascii() && !first.is_ascii_alphanumeric() && !matches!(first, '"' | '\'' | '\n' | '\r' | '\0');
    fits.then_some(first)
}

/// The format that a file's name tells.
pub(in super::super) fn told_by_name(path: &str) -> Option<RawFormat> {
    let lower = path.to_lowercase();
    let name = lower.strip_suffix(".gz").unwrap_or(&lower);
    let parquet = [".parquet", ".pq"].iter().any(|end| lower.ends_with(end));
    let csv = [".csv", ".tsv", ".txt"].iter().any(|end| name.ends_with(end));
    if parquet { Some(RawFormat::Parquet) } else { csv.then_some(RawFormat::Csv) }
}

/// Whether a `strftime` layout tells one day from another: a day written in it reads back.
fn tells_a_day(layout: &str) -> bool {
    use chrono::format::{Item, Parsed, StrftimeItems, parse};
    let items: Vec<Item<'_>> = StrftimeItems::new(layout).collect();
    if items.iter().any(|item| matches!(item, Item::Error)) {
        return false;
    }
    let Some(noon) = NaiveDate::from_ymd_opt(1998, 12, 31).and_then(|day| day.and_hms_opt(12, 34, 56)) else {
        return false;
    };
    let mut written = String::new();
    if std::fmt::Write::write_fmt(&mut written, format_args!("{}", noon.and_utc().format_with_items(items.iter())))
        .is_err()
    {
        return false;
    }
    let mut parsed = Parsed::new();
    parse(&mut parsed, &written, items.iter()).is_ok() && parsed.to_naive_date().is_ok_and(|day| day == noon.date())
}
