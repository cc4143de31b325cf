//! The promotions file, as weights on category groups.
//!
//! Public: promotions and products are reference data of the shop. Nothing private is read here.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use polars::prelude::*;

use crate::contract::catalogue::{CATEGORIES, CATEGORY_REMEDY, Catalogue, ID_REMEDY, IDS, ProductMap, distinct, text};
use crate::contract::parse::{KeyKind, canonical, key};
use crate::contract::shape::is_reference;
use crate::contract::taxonomy::{Class, Classifier, normal};
use crate::source::{ColumnType, RawError, Shape, guard};
use crate::spec::{PromotionTarget, Promotions, Spec, Taxonomy, WorthColumn};

use super::terms::{Terms, Worth, day, number};

const NUMBERS: &[ColumnType] = &[ColumnType::Integer, ColumnType::Number, ColumnType::Text];
const DAYS: &[ColumnType] = &[ColumnType::Date, ColumnType::DateTime, ColumnType::Text];
const COMPARABLE: &[ColumnType] =
    &[ColumnType::Integer, ColumnType::Number, ColumnType::Text, ColumnType::Boolean, ColumnType::Date];

/// A promotion and what it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Promotion {
    /// Its id, as in the file.
    pub id: String,
    /// Its title; the id when the file has none.
    pub title: String,
    /// What it is for.
    pub targets: Targets,
    /// How, when, and to whom not.
    pub terms: Terms,
}

/// What a promotion is for, as shares of its distinct targets (products, categories or groups). The
/// shares of groups, `sensitive`, `excluded` and `unknown` add up to 1; all are 0 when the file names no
/// target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Targets {
    /// Distinct targets the file names.
    pub count: usize,
    /// Index into `taxonomy.groups`, and share above 0; in the taxonomy's order.
    pub groups: Vec<(usize, f64)>,
    /// Share of targets in sensitive categories.
    pub sensitive: f64,
    /// Share of targets in excluded categories.
    pub excluded: f64,
    /// Share of targets in no group, or not in the catalogue.
    pub unknown: f64,
}

impl Targets {
    /// Whether any target is in a group of the taxonomy: without one nothing can be matched.
    #[must_use]
    pub fn names_a_group(&self) -> bool {
        !self.groups.is_empty()
    }

    fn of(classes: &[Class]) -> Self {
        let total = classes.len() as f64;
        let share = |class| classes.iter().filter(|&&c| c == class).count() as f64 / total;
        let sensitive = classes.iter().filter(|class| matches!(class, Class::Sensitive(_))).count() as f64 / total;
        let mut groups: Vec<u16> = classes
            .iter()
            .filter_map(|class| match class {
                Class::Group(group) => Some(*group),
                _ => None,
            })
            .collect();
        groups.sort_unstable();
        groups.dedup();
        if classes.is_empty() {
            return Self::default();
        }
        Self {
            count: classes.len(),
            groups: groups.into_iter().map(|group| (usize::from(group), share(Class::Group(group)))).collect(),
            sensitive,
            excluded: share(Class::Excluded),
            unknown: share(Class::Unknown),
        }
    }
}

/// Loads the promotions of a spec, in the order of the file; none when the spec names no file.
///
/// Rows without an id are left out, equal rows count once. Promotions that name no known category are
/// kept with that fact ([`Targets::names_a_group`]), for the caller to list as unmatched.
///
/// # Errors
/// As [`told`]; `data.promotions-unknown-category` when no promotion at all is for anything the taxonomy knows.
pub fn load(spec: &Spec, base: &Path) -> Result<Vec<Promotion>, RawError> {
    let Some(promotions) = &spec.promotions else {
        return Ok(Vec::new());
    };
    let all = judged(spec, promotions, base, false)?;
    if all.iter().all(|told| !told.known) {
        let file = Shape::inspect(&promotions.file, base)?.name;
        let (column, wanted) = (promotions.target.column().to_owned(), wanted(&promotions.target));
        return Err(RawError::PromotionsUnknownCategory { file, column, wanted });
    }
    Ok(all.into_iter().map(|told| told.promotion).collect())
}

/// A promotion as the taxonomy understands it, with what the file says in words.
#[derive(Debug, Clone)]
pub struct Told {
    /// What it comes to.
    pub promotion: Promotion,
    /// Its distinct targets: canonical product ids, or names in lower case.
    pub targets: Vec<String>,
    /// Its distinct exclusions, in lower case.
    pub exclusions: Vec<String>,
    /// Whether the taxonomy knows any of its targets, be it as sensitive.
    pub known: bool,
}

/// The promotions of a file, in its order, with what the file says of each: every row that the filters leave counts, or the
/// file is refused. An empty target column is no error.
///
/// # Errors
/// Every structural `data.*` code; `data.promotions-empty` when there is no promotion; `data.promotions-value` when a number or
/// a day cannot be read, or a row says something and has no id.
pub fn told(spec: &Spec, promotions: &Promotions, base: &Path) -> Result<Vec<Told>, RawError> {
    judged(spec, promotions, base, true)
}

/// As [`told`], or with rows without an id left out when not `whole`.
fn judged(spec: &Spec, promotions: &Promotions, base: &Path, whole: bool) -> Result<Vec<Told>, RawError> {
    let shape = inspect(promotions, base)?;
    let (rows, nameless) = rows(promotions, &shape)?;
    let (file, column) = (shape.name.clone(), promotions.id.clone());
    if whole && !nameless.is_empty() {
        return Err(RawError::PromotionsNameless { file, column, rows: listed(&nameless) });
    }
    if rows.is_empty() {
        let columns: Vec<_> = promotions.only.iter().map(|(column, _)| format!("`{column}`")).collect();
        let why = if columns.is_empty() {
            format!("no row has an id in column `{column}`; fill it, or map another column")
        } else {
            format!("none is left after the filters on {}; check the values in `only`", columns.join(", "))
        };
        return Err(RawError::PromotionsEmpty { file, why });
    }
    let judge = TargetJudge::new(spec, promotions, &shape, base)?;
    let by_group = matches!(promotions.target, PromotionTarget::Group(_));
    let exclusions = spec.taxonomy.as_ref().map(|taxonomy| Names::new(taxonomy, by_group));
    Ok(rows.into_iter().map(|row| row.judged(&judge, exclusions.as_ref())).collect())
}

/// Checks the promotions file and its columns without reading its rows.
///
/// # Errors
/// Every structural `data.*` code.
fn inspect(promotions: &Promotions, base: &Path) -> Result<Shape, RawError> {
    let shape = Shape::inspect(&promotions.file, base)?;
    shape.typed(&promotions.id, "promotion id", IDS, ID_REMEDY)?;
    if let Some(title) = &promotions.title {
        shape.typed(title, "promotion title", COMPARABLE, "a title must be text")?;
    }
    for (column, _) in &promotions.only {
        shape.typed(column, "promotion filter", COMPARABLE, "a filter needs a column of plain values")?;
    }
    match &promotions.target {
        PromotionTarget::Product(column) => shape.typed(column, "promoted product", IDS, ID_REMEDY)?,
        PromotionTarget::Category(column) => shape.typed(column, "promoted category", CATEGORIES, CATEGORY_REMEDY)?,
        PromotionTarget::Group(column) => shape.typed(column, "promoted group", CATEGORIES, CATEGORY_REMEDY)?,
    };
    for (column, role, types, remedy) in term_columns(promotions) {
        shape.typed(column, role, types, remedy)?;
    }
    Ok(shape)
}

/// The columns of terms: name, role, types, remedy.
fn term_columns(
    promotions: &Promotions,
) -> impl Iterator<Item = (&str, &'static str, &'static [ColumnType], &'static str)> {
    let terms = &promotions.terms;
    let worth = terms.worth.as_ref().map(|worth| match worth {
        WorthColumn::Margin(column) => (column.as_str(), "promotion margin", NUMBERS, "a margin must be a number"),
        WorthColumn::Priority(column) => {
            (column.as_str(), "promotion priority", NUMBERS, "a priority must be a number")
        }
    });
    let from = terms.valid_from.as_deref().map(|column| (column, "first valid day", DAYS, "write days as 2026-01-31"));
    let until = terms.valid_until.as_deref().map(|column| (column, "last valid day", DAYS, "write days as 2026-01-31"));
    let exclusions =
        terms.exclusions.as_deref().map(|column| (column, "promotion exclusion", CATEGORIES, CATEGORY_REMEDY));
    [worth, from, until, exclusions].into_iter().flatten()
}

/// What a target column should hold.
fn wanted(target: &PromotionTarget) -> &'static str {
    match target {
        PromotionTarget::Product(_) => "product of the products file with a known category",
        PromotionTarget::Category(_) => "category that the taxonomy names",
        PromotionTarget::Group(_) => "key of a group",
    }
}

/// Numbers of rows as a sentence has them: the first twenty.
fn listed(rows: &[usize]) -> String {
    const NAMED: usize = 20;
    let named: Vec<String> = rows.iter().take(NAMED).map(usize::to_string).collect();
    format!("{}{}", named.join(", "), if rows.len() > NAMED { " and more" } else { "" })
}

/// A promotion with its targets as the file names them.
struct Gathered {
    id: String,
    title: Option<String>,
    targets: Vec<String>,
    exclusions: Vec<String>,
    terms: Terms,
}

impl Gathered {
    fn judged(self, judge: &TargetJudge<'_>, exclusions: Option<&Names<'_>>) -> Told {
        let classes: Vec<Class> = self.targets.iter().map(|target| judge.class(target)).collect();
        let known = classes.iter().any(|class| *class != Class::Unknown);
        let title = self.title.unwrap_or_else(|| self.id.clone());
        let mut terms = self.terms;
        let class = |name: &String| exclusions.map_or(Class::Unknown, |names| names.class(name));
        terms.exclude(&self.exclusions.iter().map(class).collect::<Vec<_>>());
        let promotion = Promotion { id: self.id, title, targets: Targets::of(&classes), terms };
        Told { promotion, targets: self.targets, exclusions: self.exclusions, known }
    }
}

/// Says what a name is to the taxonomy: a category, or a group's key.
struct Names<'a> {
    groups: Option<&'a Taxonomy>,
    categories: Classifier,
}

impl<'a> Names<'a> {
    fn new(taxonomy: &'a Taxonomy, by_group: bool) -> Self {
        Self { groups: by_group.then_some(taxonomy), categories: Classifier::new(taxonomy) }
    }

    fn class(&self, name: &str) -> Class {
        let category = || self.categories.classify(name);
        let Some(taxonomy) = self.groups else { return category() };
        let index = taxonomy.groups.iter().position(|group| group.key == name);
        // What is no group may still be the name of something sensitive, written into the wrong column.
        let other = || match category() {
            sensitive @ Class::Sensitive(_) => sensitive,
            _ => Class::Unknown,
        };
        index.and_then(|index| u16::try_from(index).ok()).map_or_else(other, Class::Group)
    }
}

/// Says what a target is to the taxonomy.
enum TargetJudge<'a> {
    Nothing,
    Product(ProductMap, Box<Names<'a>>),
    Named(Box<Names<'a>>),
}

impl<'a> TargetJudge<'a> {
    fn new(spec: &'a Spec, promotions: &Promotions, shape: &Shape, base: &Path) -> Result<Self, RawError> {
        let Some(taxonomy) = &spec.taxonomy else {
            return Ok(Self::Nothing);
        };
        Ok(match &promotions.target {
            PromotionTarget::Category(_) => Self::Named(Box::new(Names::new(taxonomy, false))),
            PromotionTarget::Group(_) => Self::Named(Box::new(Names::new(taxonomy, true))),
            PromotionTarget::Product(column) => {
                let Some(products) = &spec.sources.products else {
                    return Err(RawError::NoCategory);
                };
                let dtype = shape.dtype(column, "promoted product")?;
                let map = Catalogue::inspect(products, base)?.load(taxonomy, dtype)?;
                Self::Product(map, Box::new(Names::new(taxonomy, false)))
            }
        })
    }

    fn class(&self, target: &str) -> Class {
        match self {
            Self::Nothing => Class::Unknown,
            // What is no product may still be the name of something sensitive, written into the wrong column.
            Self::Product(map, names) => match (map.look_up(target), names.class(target)) {
                (Class::Unknown, sensitive @ Class::Sensitive(_)) => sensitive,
                (known, _) => known,
            },
            Self::Named(names) => names.class(target),
        }
    }
}

/// The rows that pass the filters, gathered by promotion, each target once; and the numbers of those that say something and
/// have no id, from 1 behind the header.
fn rows(promotions: &Promotions, shape: &Shape) -> Result<(Vec<Gathered>, Vec<usize>), RawError> {
    let frame = collect(promotions, shape)?;
    let title = promotions.title.as_ref().map(|_| text(&frame, "title")).transpose()?;
    let targets = text(&frame, "target")?;
    let exact_target = matches!(promotions.target, PromotionTarget::Product(_));
    is_reference(&shape.name, &promotions.id, false, distinct(text(&frame, "id")?))?;
    is_reference(&shape.name, promotions.target.column(), !exact_target, distinct(targets))?;
    if let (Some(title), Some(column)) = (title, &promotions.title) {
        is_reference(&shape.name, column, false, distinct(title))?;
    }
    let filters: Vec<_> = promotions
        .only
        .iter()
        .enumerate()
        .map(|(index, (_, wanted))| Ok((text(&frame, &format!("only{index}"))?, canonical(wanted))))
        .collect::<Result<_, RawError>>()?;
    let terms = TermCells::new(promotions, shape, &frame)?;
    let says = |row| {
        let mut cells = [Some(targets), title].into_iter().flatten().chain(terms.columns.iter().map(|term| term.3));
        cells.any(|cells| cells.get(row).is_some_and(|cell| !cell.trim().is_empty()))
    };
    let (mut gathered, mut nameless): (Vec<Gathered>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut seen: HashSet<(usize, String)> = HashSet::new();
    for (row, (id, target)) in text(&frame, "id")?.iter().zip(targets.iter()).enumerate() {
        let passes = filters.iter().all(|(column, wanted)| column.get(row).and_then(canonical) == *wanted);
        if !passes {
            continue;
        }
        let Some(id) = id else {
            nameless.extend(says(row).then_some(row + 1));
            continue;
        };
        let place = *places.entry(id).or_insert_with(|| {
            gathered.push(Gathered {
                id: id.to_owned(),
                title: None,
                targets: Vec::new(),
                exclusions: Vec::new(),
                terms: Terms::default(),
            });
            gathered.len() - 1
        });
        let promotion = &mut gathered[place];
        if promotion.title.is_none() {
            let cell = title.and_then(|title| title.get(row)).map(str::trim).filter(|title| !title.is_empty());
            promotion.title = cell.map(str::to_owned);
        }
        let target = target.map(|target| if exact_target { target.to_owned() } else { normal(target) });
        promotion.targets.extend(target.filter(|target| !target.is_empty() && seen.insert((place, target.clone()))));
        terms.read(row, promotion)?;
    }
    Ok((gathered, nameless))
}

/// The cells of terms.
struct TermCells<'a> {
    promotions: &'a Promotions,
    file: &'a str,
    /// Name, role, remedy and cells, in the order of [`term_columns`].
    columns: Vec<(&'a str, &'static str, &'static str, &'a StringChunked)>,
}

impl<'a> TermCells<'a> {
    fn new(promotions: &'a Promotions, shape: &'a Shape, frame: &'a DataFrame) -> Result<Self, RawError> {
        let columns = term_columns(promotions)
            .map(|(column, role, _, remedy)| Ok((column, role, remedy, text(frame, role)?)))
            .collect::<Result<_, RawError>>()?;
        Ok(Self { promotions, file: &shape.name, columns })
    }

    /// Adds what a row says to its promotion.
    fn read(&self, row: usize, promotion: &mut Gathered) -> Result<(), RawError> {
        for &(column, role, remedy, cells) in &self.columns {
            let Some(cell) = cells.get(row).map(str::trim).filter(|cell| !cell.is_empty()) else { continue };
            let wrong =
                || RawError::PromotionsValue { file: self.file.to_owned(), column: column.to_owned(), role, remedy };
            let terms = &mut promotion.terms;
            match role {
                "first valid day" => terms.also_from(day(cell).ok_or_else(wrong)?),
                "last valid day" => terms.also_until(day(cell).ok_or_else(wrong)?),
                "promotion exclusion" => {
                    let name = normal(cell);
                    if !promotion.exclusions.contains(&name) {
                        promotion.exclusions.push(name);
                    }
                }
                _ => {
                    let number = number(cell).ok_or_else(wrong)?;
                    let margin = matches!(self.promotions.terms.worth, Some(WorthColumn::Margin(_)));
                    terms.also_worth(if margin { Worth::Margin(number) } else { Worth::Priority(number) });
                }
            }
        }
        Ok(())
    }
}

/// The needed columns as text: `id`, `target`, `title`, `only0`…, and terms by their roles.
fn collect(promotions: &Promotions, shape: &Shape) -> Result<DataFrame, RawError> {
    let column = |name: &str| Expr::Column(name.into());
    let id = shape.dtype(&promotions.id, "promotion id")?;
    let mut columns = vec![key(column(&promotions.id), id, KeyKind::Text).alias("id")];
    columns.push(
        match &promotions.target {
            PromotionTarget::Product(product) => {
                key(column(product), shape.dtype(product, "promoted product")?, KeyKind::Text)
            }
            PromotionTarget::Category(name) | PromotionTarget::Group(name) => column(name).cast(DataType::String),
        }
        .alias("target"),
    );
    if let Some(title) = &promotions.title {
        columns.push(column(title).cast(DataType::String).alias("title"));
    }
    for (index, (name, _)) in promotions.only.iter().enumerate() {
        columns.push(column(name).cast(DataType::String).alias(format!("only{index}")));
    }
    for (name, role, _, _) in term_columns(promotions) {
        columns.push(column(name).cast(DataType::String).alias(role));
    }
    guard::collect(shape.public()?.select(columns), Engine::Streaming).map_err(|_| shape.failure())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CSV, file, own, spec, through_products};

    const PRODUCTS: &str = "sku,kind\n1,apple\n2,apple\n3,bread\n4,wine\n5,fuel\n6,\n";
    const COUPONS: &str = "coupon,name,campaign,product,category,group\n\
        a,Fruit first,13,1,apple,fruit\n\
        a,,13,2,APPLE ,fruit\n\
        a,,13,3,bread,bread\n\
        a,,13,3,bread,bread\n\
        b,,13.0,4,wine,wine\n\
        b,,13,9,shoes,shoes\n\
        c,,14,1,apple,fruit\n\
        d,,13,,,\n\
        ,,13,1,apple,fruit\n";

    fn promotions(target: PromotionTarget, only: &[(&str, &str)]) -> Result<Vec<Promotion>, RawError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("products.csv"), PRODUCTS).unwrap();
        std::fs::write(folder.path().join("coupons.csv"), COUPONS).unwrap();
        let mut spec = through_products(spec());
        spec.promotions = Some(Promotions {
            file: file("coupons.csv", CSV),
            id: "coupon".to_owned(),
            title: Some("name".to_owned()),
            target,
            terms: crate::spec::Terms::default(),
            only: only.iter().map(|(column, value)| ((*column).to_owned(), (*value).to_owned())).collect(),
        });
        spec.taxonomy.as_mut().unwrap().groups[0].categories = own(&["apple"]);
        load(&spec, folder.path())
    }

    #[test]
    fn products_become_shares_of_groups_and_equal_rows_count_once() {
        let all = promotions(PromotionTarget::Product("product".into()), &[("campaign", "13")]).unwrap();
        assert_eq!(all.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["a", "b", "d"]);
        assert_eq!(all[0].title, "Fruit first");
        assert_eq!(all[0].targets.groups, [(0, 2.0 / 3.0), (1, 1.0 / 3.0)]);
        assert_eq!((all[0].targets.count, all[0].targets.unknown), (3, 0.0));
        assert_eq!(all[1].title, "b");
        assert_eq!((all[1].targets.sensitive, all[1].targets.unknown), (0.5, 0.5));
        assert!(!all[1].targets.names_a_group());
        assert_eq!(all[2].targets, Targets::default());
    }

    #[test]
    fn categories_and_groups_are_targets_too() {
        let categories = promotions(PromotionTarget::Category("category".into()), &[]).unwrap();
        assert_eq!(categories[0].targets.groups, [(0, 0.5), (1, 0.5)]);
        let groups = promotions(PromotionTarget::Group("group".into()), &[]).unwrap();
        assert_eq!(groups[0].targets.groups, [(0, 0.5), (1, 0.5)]);
        // No group is called wine, and no other column makes it less sensitive.
        assert_eq!((groups[1].targets.sensitive, groups[1].targets.unknown), (0.5, 0.5));
    }

    #[test]
    fn nothing_left_after_the_filters_is_an_error() {
        let error = promotions(PromotionTarget::Group("group".into()), &[("campaign", "99")]).unwrap_err();
        assert_eq!(error.code(), "data.promotions-empty");
        assert!(error.to_string().contains("`campaign`"), "{error}");
    }

    #[test]
    fn promotions_for_nothing_that_is_known_are_an_error_that_names_the_column() {
        let error = promotions(PromotionTarget::Group("category".into()), &[("campaign", "14")]).unwrap_err();
        assert_eq!(error.code(), "data.promotions-unknown-category");
        assert!(error.to_string().contains("`category`"), "{error}");
        let missing = promotions(PromotionTarget::Group("grup".into()), &[]).unwrap_err();
        assert!(missing.to_string().contains("did you mean `group`?"), "{missing}");
    }
}
