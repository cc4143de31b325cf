//! The mapped columns of the transactions: found, of a usable type, and under names of our own.

use polars::prelude::{DataType, Expr, LazyFrame, col};

use super::Needs;
use super::catalogue::{CATEGORIES, CATEGORY_REMEDY, ID_REMEDY, IDS};
use super::parse::{KeyKind, key, loose};
use crate::source::{ColumnType, RawError, Shape};
use crate::spec::{Amount, Duplicates, Spec};

const NUMBERS: &[ColumnType] = &[ColumnType::Integer, ColumnType::Number, ColumnType::Text];
const NUMBER_REMEDY: &str = "an amount must be a number";

/// Types of the mapped columns, and their names in the file.
///
/// In the frame that [`Mapping::select`] gives they are called `unit`, `date`, `amount` (or quantity),
/// `price`, `basket`, `product`, `category`, `discount0`…
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    pub(crate) unit: DataType,
    pub(crate) date: DataType,
    /// The amount, or the quantity when `price` is there.
    pub(crate) amount: DataType,
    pub(crate) price: Option<DataType>,
    pub(crate) basket: Option<DataType>,
    pub(crate) product: Option<DataType>,
    pub(crate) category: Option<DataType>,
    pub(crate) discounts: Vec<DataType>,
    names: Vec<(String, String)>,
}

impl Mapping {
    /// Finds the mapped columns in a file. All of them must be there and of a usable type, needed or not.
    pub(crate) fn find(shape: &Shape, spec: &Spec) -> Result<Self, RawError> {
        let t = &spec.sources.transactions;
        let (dates, date_remedy): (&[ColumnType], _) = match t.date_format {
            None => (
                &[ColumnType::Date, ColumnType::DateTime, ColumnType::Text],
                "a date must be a date, or text or a whole number with `date_format`",
            ),
            Some(_) => (
                &[ColumnType::Date, ColumnType::DateTime, ColumnType::Text, ColumnType::Integer],
                "with `date_format` a date must be text, a whole number or a date",
            ),
        };
        let mut names = vec![("unit".to_owned(), t.unit.clone()), ("date".to_owned(), t.date.clone())];
        let mut optional = |name: &str, column: &Option<String>, role, wanted: &[ColumnType], remedy| {
            let Some(column) = column else { return Ok(None) };
            names.push((name.to_owned(), column.clone()));
            shape.typed(column, role, wanted, remedy).cloned().map(Some)
        };
        let basket = optional("basket", &t.basket, "basket id", IDS, ID_REMEDY)?;
        let product = optional("product", &t.product, "product id", IDS, ID_REMEDY)?;
        let category = optional("category", &t.category, "category", CATEGORIES, CATEGORY_REMEDY)?;
        let (amount, price) = match &t.amount {
            Amount::Column(column) => {
                names.push(("amount".to_owned(), column.clone()));
                (shape.typed(column, "amount", NUMBERS, NUMBER_REMEDY)?.clone(), None)
            }
            Amount::Product { quantity, price } => {
                names.push(("amount".to_owned(), quantity.clone()));
                names.push(("price".to_owned(), price.clone()));
                let quantity = shape.typed(quantity, "quantity", NUMBERS, NUMBER_REMEDY)?.clone();
                (quantity, Some(shape.typed(price, "price", NUMBERS, NUMBER_REMEDY)?.clone()))
            }
        };
        let mut discounts = Vec::new();
        for (index, column) in t.discounts.iter().enumerate() {
            names.push((Self::discount(index), column.clone()));
            discounts.push(shape.typed(column, "discount", NUMBERS, NUMBER_REMEDY)?.clone());
        }
        Ok(Self {
            unit: shape.typed(&t.unit, "privacy unit", IDS, ID_REMEDY)?.clone(),
            date: shape.typed(&t.date, "date", dates, date_remedy)?.clone(),
            amount,
            price,
            basket,
            product,
            category,
            discounts,
            names,
        })
    }

    /// The name of a discount column in the frame.
    pub(crate) fn discount(index: usize) -> String {
        format!("discount{index}")
    }

    /// Names of the mapped columns in the file.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(_, column)| column.as_str())
    }

    /// The kind the privacy unit is grouped by.
    pub(crate) fn unit_kind(&self) -> KeyKind {
        KeyKind::of(&self.unit)
    }

    /// The privacy unit as it is grouped by. Text without leading zeros, as opt-outs are compared: were
    /// "7" and "007" two units, the opt-out of the one would take the other away as well.
    fn unit_key(&self, column: Expr) -> Expr {
        let id = key(column, &self.unit, self.unit_kind());
        if self.unit_kind() == KeyKind::Text { loose(id) } else { id }
    }

    /// The columns that are needed, under their own names, without the rows of nobody. With
    /// duplicates dropped all mapped columns are needed: lines are compared on all of them.
    pub(crate) fn select(&self, rows: LazyFrame, spec: &Spec, needs: Needs) -> LazyFrame {
        let all = spec.contract.duplicates == Duplicates::Drop;
        let needed = |name: &str| match name {
            "basket" => needs.baskets,
            "product" => spec.taxonomy.is_some() && self.category.is_none(),
            "category" => spec.taxonomy.is_some(),
            name => !name.starts_with("discount") || needs.discount,
        };
        let columns: Vec<Expr> = self
            .names
            .iter()
            .filter(|(name, _)| all || needed(name))
            .map(|(name, column)| {
                let column = Expr::Column(column.as_str().into());
                let column = if name == "unit" { self.unit_key(column) } else { column };
                column.alias(name.as_str())
            })
            .collect();
        rows.select(columns).filter(col("unit").is_not_null())
    }
}
