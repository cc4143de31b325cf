//! Local assignment: a release, and one customer's own receipts, on the shop's own system.

use std::path::Path;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::assign::{Assigner, AssignerError};
use super::edge::EdgeError;
use super::receipts::{Receipts, ReceiptsError};
use crate::consent::register::OptedOutSet;
use crate::feature::{Own, TextColumns, own_row};
use crate::release::{Release, is_repeated, spec_of};
use crate::source::{ExitClass, RawError};
use crate::spec::sensitive::Policy;
use crate::spec::{Amount, Format, Spec, Transactions, Window};

/// Why nobody is assigned. Never for what stands in a receipt: that is [`NoSegment`].
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The release places nobody.
    #[error(transparent)]
    Assigner(#[from] AssignerError),
    /// The receipts cannot be read.
    #[error(transparent)]
    Receipts(#[from] ReceiptsError),
    /// A column, the products or the opt-outs cannot be used.
    #[error(transparent)]
    Raw(#[from] RawError),
    /// No model is exported.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// The spec in the release is not whole.
    #[error(
        "the release cannot repeat its spec alone (a signed review of categories, or a number of more than twelve digits): \
         name the spec that was run with --spec SPEC"
    )]
    SpecNeeded,
    /// Another spec.
    #[error("the spec is not the one that this release was made with; name that one")]
    OtherSpec,
    /// A list of customers.
    #[error(
        "the receipts are of more than one customer, and who belongs where is no list here: hand over one customer's at a \
         time. For a list with consent, pseudonyms and an end, see audiences"
    )]
    Several,
    /// A column of the receipt format is not there.
    #[error("receipts: there is no column `{column}`; see docs/assign.md for the columns, or --columns spec")]
    Column {
        /// The column, as the receipt format or the spec names it.
        column: String,
    },
    /// A day so far away that no window ends there.
    #[error("--as-of: no window can end on that day")]
    AsOf,
}

impl LocalError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Assigner(error) => error.code(),
            Self::Receipts(error) => error.code(),
            Self::Raw(error) | Self::Edge(EdgeError::Raw(error)) => error.code(),
            Self::Edge(error) => error.code(),
            Self::SpecNeeded => "assign.spec-needed",
            Self::OtherSpec => "assign.other-spec",
            Self::Several => "assign.several-customers",
            Self::Column { .. } => "assign.column",
            Self::AsOf => "assign.as-of",
        }
    }

    /// Which kind of exit it is.
    #[must_use]
    pub fn class(&self) -> ExitClass {
        match self {
            Self::Raw(error) | Self::Edge(EdgeError::Raw(error)) => error.exit_class(),
            Self::SpecNeeded | Self::OtherSpec | Self::AsOf | Self::Edge(EdgeError::NamesNeeded) => ExitClass::BadSpec,
            Self::Several => ExitClass::Policy,
            Self::Assigner(_) | Self::Receipts(_) | Self::Column { .. } => ExitClass::BadData,
        }
    }
}

/// The receipt format: columns that every shop's receipts can have, whatever its files are like.
///
/// `date` (`YYYY-MM-DD`), `amount` of the line (or `quantity` and `price`, where the spec multiplies these), `category` (or
/// `product` with the spec's products file), and if the spec maps them `basket` and `discount`. Another column of one customer
/// is `customer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// These.
    Receipt,
    /// The columns that the spec names for the transactions.
    Spec,
}

/// Who belongs where, and what fits them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The segment's id.
    pub segment: String,
    /// Its label.
    pub label: String,
    /// What fits it, best first.
    pub promotions: Vec<Fit>,
}

/// A promotion that fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Promotion id.
    pub id: String,
    /// Title.
    pub title: String,
    /// One sentence.
    pub reason: String,
}

/// Why a customer is in no segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoSegment {
    /// The customer opted out.
    OptedOut,
    /// There is no line.
    NoReceipts,
    /// No line is a purchase in the window that counts.
    NoPurchaseInWindow,
}

impl NoSegment {
    /// The reason as a program reads it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OptedOut => "opted-out",
            Self::NoReceipts => "no-receipts",
            Self::NoPurchaseInWindow => "no-purchase-in-window",
        }
    }

    /// The reason for people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::OptedOut => "the customer opted out",
            Self::NoReceipts => "there are no receipts",
            Self::NoPurchaseInWindow => "none of the receipts is a purchase in the window that counts",
        }
    }
}

/// A release, ready to assign one customer after the other. Everything in it is public.
#[derive(Debug, Clone)]
pub struct Local {
    pub(super) release: Release,
    pub(super) spec: Spec,
    pub(super) assigner: Assigner,
}

impl Local {
    /// Takes a release, and the spec that it was made with when it cannot repeat that alone.
    ///
    /// # Errors
    /// [`LocalError::Assigner`], [`LocalError::SpecNeeded`], [`LocalError::OtherSpec`].
    pub fn new(release: Release, spec: Option<Spec>) -> Result<Self, LocalError> {
        let assigner = Assigner::of(&release)?;
        let whole = release.assignment.as_ref().is_some_and(|assignment| assignment.spec_is_whole);
        let spec = match spec {
            Some(spec) => Some(spec).filter(|spec| is_repeated(spec, &release)).ok_or(LocalError::OtherSpec)?,
            None => Some(&release).filter(|_| whole).and_then(spec_of).ok_or(LocalError::SpecNeeded)?,
        };
        if spec.features.len() != assigner.features() {
            return Err(AssignerError::Broken.into());
        }
        Ok(Self { release, spec, assigner })
    }

    /// Moves the window, at its length, so that `last` is its last day.
    ///
    /// # Errors
    /// [`LocalError::AsOf`].
    pub fn as_of(&mut self, last: NaiveDate) -> Result<(), LocalError> {
        let Window { start, end } = self.spec.window;
        let days = u64::try_from((end - start).num_days()).map_err(|_| LocalError::AsOf)?;
        let end = last.checked_add_days(Days::new(1)).ok_or(LocalError::AsOf)?;
        let start = end.checked_sub_days(Days::new(days)).ok_or(LocalError::AsOf)?;
        self.spec.window = Window { start, end };
        Ok(())
    }

    /// The window that counts.
    #[must_use]
    pub fn window(&self) -> Window {
        self.spec.window
    }

    /// What separates the cells of receipts whose columns are named so.
    #[must_use]
    pub fn separator(&self, columns: Columns) -> u8 {
        match (columns, self.spec.sources.transactions.file.format) {
            (Columns::Spec, Format::Csv { separator }) => u8::try_from(separator).unwrap_or(b','),
            _ => b',',
        }
    }

    /// Whether the data behind the release were made up.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.release.is_simulated()
    }

    /// Where the spec says that the purchases behind the release were published, if it does.
    #[must_use]
    pub fn published(&self) -> Option<&str> {
        self.release.published()
    }

    /// Said when the program's policy is not the release's: what it has come to call sensitive is ignored in receipts.
    #[must_use]
    pub fn note(&self) -> Option<&'static str> {
        let made = self.release.assignment.as_ref().map(|assignment| assignment.policy.as_str());
        (made != Some(Policy::base().version())).then_some(
            "the policy of sensitive names is not the one that the release was made with: what it calls sensitive now is \
             ignored, and the segment may differ from the run's",
        )
    }

    /// The segment of the customer whose receipts these are, all of them. `base` is where the products file and the opt-outs of
    /// the spec lie, if they are needed. Opt-outs are looked up when the receipts name the customer; otherwise whoever calls this
    /// has asked. `out` is who is in the register, where [`Local::asks_register`] says that it is needed.
    ///
    /// # Errors
    /// [`LocalError`]; none holds a value from a receipt.
    pub fn assign(
        &self,
        receipts: &Receipts,
        columns: Columns,
        base: &Path,
        out: Option<&OptedOutSet>,
    ) -> Result<Result<Found, NoSegment>, LocalError> {
        match self.row(receipts, columns, base, out)? {
            Ok(row) => Ok(Ok(self.found(self.assigner.segment(&row).ok_or(AssignerError::Broken)?))),
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// Whether the register of opt-outs is needed: the spec names one, and the receipts name the customer.
    #[must_use]
    pub fn asks_register(&self, receipts: &Receipts, columns: Columns) -> bool {
        let unit = match columns {
            Columns::Receipt => CUSTOMER,
            Columns::Spec => &self.spec.sources.transactions.unit,
        };
        self.spec.sources.register.is_some() && receipts.has(unit)
    }

    /// The spec of the run.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The lattice steps of the customer.
    pub(super) fn row(
        &self,
        receipts: &Receipts,
        columns: Columns,
        base: &Path,
        out: Option<&OptedOutSet>,
    ) -> Result<Result<Vec<i16>, NoSegment>, LocalError> {
        if receipts.lines() == 0 && !receipts.has_header() {
            return Ok(Err(NoSegment::NoReceipts));
        }
        let mut spec = self.spec.clone();
        if columns == Columns::Receipt {
            receipt_columns(&mut spec, receipts);
        }
        let named = receipts.has(&spec.sources.transactions.unit);
        if !named {
            spec.sources.opt_outs = None;
            spec.sources.register = None;
        }
        let lines = lines(&spec.sources.transactions, receipts, named)?;
        if receipts.lines() == 0 {
            return Ok(Err(NoSegment::NoReceipts));
        }
        match own_row(&spec, base, out, &lines)? {
            Own::Row(row) => Ok(Ok(row)),
            Own::NoPurchase => Ok(Err(NoSegment::NoPurchaseInWindow)),
            Own::OptedOut => Ok(Err(NoSegment::OptedOut)),
            Own::Several => Err(LocalError::Several),
        }
    }

    /// What is said of a segment.
    pub(super) fn found(&self, segment: usize) -> Found {
        let segment = &self.release.segments[segment];
        let fit = |fit: &crate::release::model::PromotionFit| Fit {
            id: fit.id.clone(),
            title: fit.title.clone(),
            reason: fit.reason.clone(),
        };
        Found {
            segment: segment.id.clone(),
            label: segment.label.clone(),
            promotions: segment.promotions_fit.iter().map(fit).collect(),
        }
    }
}

/// What the receipt format calls the customer.
const CUSTOMER: &str = "customer";

/// Maps a spec to the receipt format.
fn receipt_columns(spec: &mut Spec, receipts: &Receipts) {
    let t = &mut spec.sources.transactions;
    CUSTOMER.clone_into(&mut t.unit);
    "date".clone_into(&mut t.date);
    t.date_format = None;
    t.basket = t.basket.take().map(|_| "basket".to_owned());
    t.amount = match t.amount {
        Amount::Column(_) => Amount::Column("amount".to_owned()),
        Amount::Product { .. } => Amount::Product { quantity: "quantity".to_owned(), price: "price".to_owned() },
    };
    t.discounts = if t.discounts.is_empty() { Vec::new() } else { vec!["discount".to_owned()] };
    if spec.taxonomy.is_none() {
        (t.product, t.category) = (None, None);
    } else if receipts.has("category") || t.product.is_none() || spec.sources.products.is_none() {
        (t.product, t.category) = (None, Some("category".to_owned()));
    } else {
        (t.product, t.category) = (Some("product".to_owned()), None);
    }
}

/// The mapped columns of the receipts. Without a column for the customer, all lines are of one; without one for baskets, a day
/// is a basket; without one for discounts, there are none. The others must be in a header. JSON has no header.
fn lines(t: &Transactions, receipts: &Receipts, with_unit: bool) -> Result<TextColumns, LocalError> {
    let mut needed: Vec<&str> = vec![&t.date];
    match &t.amount {
        Amount::Column(amount) => needed.push(amount),
        Amount::Product { quantity, price } => needed.extend([quantity.as_str(), price.as_str()]),
    }
    needed.extend(t.category.iter().chain(&t.product).map(String::as_str));
    if let Some(column) = needed.iter().find(|column| receipts.has_header() && !receipts.has(column)) {
        return Err(LocalError::Column { column: (*column).to_owned() });
    }
    let wanted = std::iter::once(t.unit.as_str()).chain(needed);
    let mut names: Vec<&str> = Vec::new();
    for name in wanted.chain(t.basket.iter().chain(&t.discounts).map(String::as_str)) {
        // A column may be mapped twice.
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut lines = receipts.select(&names);
    if !with_unit && let Some((_, cells)) = lines.first_mut() {
        cells.fill(Some("1".to_owned()));
    }
    Ok(lines)
}

#[cfg(test)]
pub(super) mod tests;
