//! A first spec from the names and types of a file's columns; never from its values.

use super::check::told_by_name;
use super::policy::{personal, words};
use super::raw::RawFormat;

/// A commented spec for a file with these columns (name, type) and this name. It passes every
/// rule as far as names can tell, and marks with `TODO choose:` what a person must decide.
///
/// It looks at names and types alone, so it reveals nothing of a row.
#[must_use]
pub fn scaffold(columns: &[(String, String)], file_name: &str) -> String {
    let guess = Guess::new(columns);
    let file = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    [
        head(file),
        sources(&guess, columns, file),
        CONTRACT.to_owned(),
        taxonomy(&guess),
        features(&guess),
        TAIL.to_owned(),
    ]
    .join("\n")
}

/// Which column is what, by its name.
struct Guess<'a> {
    unit: Option<&'a str>,
    date: Option<(&'a str, &'a str)>,
    basket: Option<&'a str>,
    product: Option<&'a str>,
    category: Option<&'a str>,
    amount: Option<&'a str>,
    quantity: Option<&'a str>,
    price: Option<&'a str>,
    discounts: Vec<&'a str>,
}

const UNIT: &[&str] = &[
    "household",
    "customer",
    "customerid",
    "client",
    "member",
    "shopper",
    "buyer",
    "loyalty",
    "user",
    "account",
    "cust",
];
const DATE: &[&str] = &["date", "timestamp", "datetime", "day", "time", "invoicedate"];
const BASKET: &[&str] = &["basket", "invoice", "receipt", "order", "ticket", "cart", "transaction", "bill"];
const PRODUCT: &[&str] = &["product", "stock", "sku", "article", "item", "upc", "ean", "gtin", "plu"];
const CATEGORY: &[&str] = &["category", "department", "commodity", "class", "aisle"];
const AMOUNT: &[&str] = &["amount", "sales", "value", "spend", "revenue", "turnover", "paid", "total", "net"];
const QUANTITY: &[&str] = &["quantity", "qty", "units", "count"];
const PRICE: &[&str] = &["price"];
const DISCOUNT: &[&str] = &["disc", "discount", "discounts", "rebate", "savings", "markdown"];

impl<'a> Guess<'a> {
    fn new(columns: &'a [(String, String)]) -> Self {
        let mut free = Free { columns: columns.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect() };
        // `customer_id` before all, and no `customer_email`.
        free.columns.retain(|(name, _)| personal(name, true).is_none());
        let unit = free.take(UNIT, true);
        let discounts = std::iter::from_fn(|| free.take(DISCOUNT, false)).map(|(name, _)| name).collect();
        // A typed date is a date whatever its name.
        let date = free.take_dated().or_else(|| free.take(DATE, false));
        let quantity = free.take(QUANTITY, false);
        let price = free.take(PRICE, false);
        let amount = free.take(AMOUNT, false);
        let category = free.take(CATEGORY, false);
        let basket = free.take(BASKET, true);
        let product = free.take(PRODUCT, true);
        let name = |column: Option<(&'a str, &'a str)>| column.map(|(name, _)| name);
        Self {
            unit: name(unit),
            date,
            basket: name(basket),
            product: name(product),
            category: name(category),
            amount: name(amount),
            quantity: name(quantity),
            price: name(price),
            discounts,
        }
    }
}

/// The columns without a role so far.
struct Free<'a> {
    columns: Vec<(&'a str, &'a str)>,
}

impl<'a> Free<'a> {
    /// Takes the first column that has the earliest of `wanted` among its words; of several, one
    /// that says it is an id, where an id is wanted.
    fn take(&mut self, wanted: &[&str], id: bool) -> Option<(&'a str, &'a str)> {
        let at = wanted.iter().find_map(|wanted| {
            let has = |name: &str| words(name).iter().any(|word| word == wanted);
            let is_id = |name: &str| {
                words(name).iter().any(|word| ["id", "no", "code", "number", "key"].contains(&word.as_str()))
            };
            let strict = self.columns.iter().position(|(name, _)| id && has(name) && is_id(name));
            strict.or_else(|| self.columns.iter().position(|(name, _)| has(name)))
        })?;
        Some(self.columns.remove(at))
    }

    fn take_dated(&mut self) -> Option<(&'a str, &'a str)> {
        let dated = |kind: &str| ["date", "time"].iter().any(|word| kind.to_lowercase().contains(word));
        let at = self.columns.iter().position(|(_, kind)| dated(kind))?;
        Some(self.columns.remove(at))
    }
}

fn head(file: &str) -> String {
    format!(
        "# A first spec for {}, made from the names and types of its columns; no row was read.\n\
         # Lines with TODO need a person. Check with: tactful check SPEC\n\n\
         version = 1\n\
         population = {}  # TODO choose: a lasting name for these people; it is the key of their ledger\n\
         unit = \"customer\"         # what is protected, singular: \"household\" if an id stands for one\n\
         origin = \"first_party\"    # the shop's own purchases; bought or scraped data is refused\n\
         currency = \"USD\"          # TODO choose: as shown in reports\n\
         # expected_customers = 10000  # a public guess, for `tactful plan`\n\n\
         [window]  # TODO choose: at least four weeks; `start` is the first day in, `end` the first day out\n\
         start = 2025-01-01\n\
         end = 2026-01-01\n",
        comment(file),
        quoted(&population(file)),
    )
}

/// "Sales 2025.csv.gz" → "sales-2025-customers".
fn population(file: &str) -> String {
    let stem = file.split('.').next().unwrap_or_default().to_lowercase();
    let dashed = stem.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' });
    let words: String = dashed.collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(40).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "shop-customers".to_owned() } else { format!("{name}-customers") }
}

fn sources(guess: &Guess<'_>, columns: &[(String, String)], file: &str) -> String {
    let mut text = String::from("[sources.transactions]\n");
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("file = {}", quoted(file)));
    match told_by_name(file) {
        None => line("format = \"csv\"  # TODO choose: \"parquet\", \"csv\" or \"aligned\"".into()),
        Some(RawFormat::Csv) => {
            line("# format = \"aligned\"  # when columns are aligned with blanks; separator = \";\" for others".into());
        }
        Some(_) => {}
    }
    let some = |column: Option<&str>, instead: &str| quoted(column.unwrap_or(instead));
    line(format!(
        "unit = {}  # TODO choose: confirm that this is the id of a customer or household",
        some(guess.unit, "customer_id")
    ));
    line(format!("date = {}  # TODO choose: confirm", some(guess.date.map(|(name, _)| name), "date")));
    line(date_format(guess.date.map(|(_, kind)| kind)));
    line(optional("basket", guess.basket, "basket_id", "without it, a customer's lines of one day are one basket"));
    line(optional("product", guess.product, "product_id", "needed for a products file"));
    line(optional("category", guess.category, "category", "or a products file, below"));
    line(amount(guess));
    let discounts: Vec<String> = guess.discounts.iter().map(|column| quoted(column)).collect();
    line(if discounts.is_empty() {
        "# discounts = [\"discount\"]  # columns that add up to the money off".into()
    } else {
        format!("discounts = [{}]  # TODO choose: confirm that these add up to the money off", discounts.join(", "))
    });
    let names: Vec<String> =
        columns.iter().map(|(name, kind)| format!("{} ({})", comment(name), comment(kind))).collect();
    line(format!("# The file's columns: {}", names.join(", ")));
    let refused: Vec<String> = columns
        .iter()
        .filter_map(|(name, _)| Some(format!("{} ({})", comment(name), personal(name, true)?.says)))
        .collect();
    if !refused.is_empty() {
        line(format!("# Refused by policy, best left out of the file: {}", refused.join(", ")));
    }
    line(PRODUCTS.to_owned());
    text
}

fn date_format(kind: Option<&str>) -> String {
    let kind = kind.unwrap_or_default().to_lowercase();
    if kind.contains("date") || kind.contains("time") {
        return "# date_format = \"%Y%m%d\"  # not needed: the column is typed".into();
    }
    if kind.contains("int") || kind.starts_with(['i', 'u']) {
        return "date_format = \"%Y%m%d\"  # TODO choose: how the number tells a day".into();
    }
    "# date_format = \"%d/%m/%Y\"  # TODO choose: when the text is not like 2025-01-31".into()
}

fn optional(key: &str, column: Option<&str>, example: &str, why: &str) -> String {
    match column {
        Some(column) => format!("{key} = {}  # TODO choose: confirm", quoted(column)),
        None => format!("# {key} = \"{example}\"  # {why}"),
    }
}

fn amount(guess: &Guess<'_>) -> String {
    match (guess.amount, guess.quantity, guess.price) {
        (Some(amount), _, _) => {
            format!("amount = {}  # TODO choose: confirm that this is the line's amount", quoted(amount))
        }
        (None, Some(quantity), Some(price)) => {
            format!("amount = {{ quantity = {}, price = {} }}  # TODO choose: confirm", quoted(quantity), quoted(price))
        }
        (None, _, Some(price)) => format!("amount = {}  # TODO choose: is it the line's amount?", quoted(price)),
        (None, _, None) => {
            "amount = \"amount\"  # TODO choose: a column, or { quantity = \"..\", price = \"..\" }".into()
        }
    }
}

fn taxonomy(guess: &Guess<'_>) -> String {
    let why = if guess.category.is_some() {
        "# TODO choose: the categories are in the rows, which are not read here: write them from your catalogue."
    } else {
        "# With categories (a column, or a products file), say which are sensitive and which form groups."
    };
    format!("{why}\n{TAXONOMY}")
}

fn features(guess: &Guess<'_>) -> String {
    let mut text = FEATURES.to_owned();
    if guess.basket.is_some() {
        text.push_str(
            "\n[[features]]\nkind = \"basket_size\"\nupper = 50.0     # lines\nscale = \"log\"\nweight = 0.5\n",
        );
    }
    if !guess.discounts.is_empty() {
        text.push_str("\n[[features]]\nkind = \"discount_share\"\nupper = 0.5\n");
    }
    text
}

/// A TOML text.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A text that stays in its comment.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect()
}

const PRODUCTS: &str = r#"
# [sources.products]   # the catalogue: gives each product its category
# file = "products.csv"
# product = "product_id"
# category = "category"

# [sources.opt_outs]   # who opted out: their rows are dropped before anything is counted
# register = true   # the register that `tactful optout` keeps; or, or besides, a file:
# file = "opt_outs.csv"
# unit = "customer_id"
"#;

const CONTRACT: &str = r#"[contract]
negative_amount = "drop"   # or "net": a return is taken off what the customer spent
amount_max = 10000.0       # TODO choose: more than one line can cost
absurd_amount = "clip"     # or "drop"
duplicates = "keep"        # or "drop": equal lines are one
refuse_above = 0.1         # stop when the noised share of customers with an unreadable line is above this
"#;

const TAXONOMY: &str = r#"# What the program knows as sensitive by its name stays out anyway (docs/sensitive.md); list what it cannot know.
# `tactful taxonomy review` proposes a classification of a whole catalogue for an officer to sign.
# [taxonomy]
# countries = []   # AT, DE, FR, GB, IT: words of these countries count as well
# sensitive = ["*MEDICINE*", "*BABY*", "*WINE*", "*TOBACCO*"]   # never a feature, profile or promotion target
# excluded = ["*VOUCHER*", "*DEPOSIT*"]
#
# [[taxonomy.groups]]
# key = "fruit"
# label = "Fresh fruit"
# categories = ["APPLES", "BERRIES", "*CITRUS*"]
#
# [[features]]
# kind = "spend_share"
# groups = "all"
# upper = 0.5
# scale = "log"
"#;

const FEATURES: &str = r#"# Bounds are public: choose them from what you know of the trade, not from these rows.
[[features]]
kind = "recency"
upper = 13.0     # four-week periods: the window's length

[[features]]
kind = "frequency"
upper = 200.0    # TODO choose: baskets in the window
scale = "log"

[[features]]
kind = "monetary"
upper = 10000.0  # TODO choose: spend in the window
scale = "log"
"#;

const TAIL: &str = r#"[segments]
number = 6       # TODO choose: 4 to 12 are usual
floor = 50       # no segment below this many customers is shown; at least 20

[privacy]
# TODO choose: what a release may tell. An attacker who knows everyone else, and gives a customer even odds of being
# in the data, can become sure up to: 63 % at epsilon 0.5, 74 % at 1, 89 % at 2, 96 % at 3. Less is noisier.
epsilon = 1.0
delta = 1e-6     # the chance that this fails: well below 1 / (number of customers)

[privacy.year]   # TODO choose: what all releases of a year may tell together
epsilon = 4.0
delta = 1e-5

# [promotions]   # needs categories
# file = "promotions.csv"
# id = "promotion_id"
# title = "title"
# category = "category"   # or product = "product_id", or group = "group"
# margin = "margin"       # or priority = "priority"; ranks what fits
# valid_from = "valid_from"
# valid_until = "valid_until"
# exclusions = "not_for"  # a category whose buyers should not get it
"#;
