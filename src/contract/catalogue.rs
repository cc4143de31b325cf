//! The public product catalogue as a map from product to class.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use polars::prelude::*;

use super::parse::{KeyKind, key};
use super::shape::is_reference;
use super::taxonomy::{Class, Classifier, exact_names, normal};
use crate::source::error::nearest;
use crate::source::{ColumnType, RawError, Shape, guard};
use crate::spec::{File, Products, Taxonomy};

pub(crate) const IDS: &[ColumnType] = &[ColumnType::Integer, ColumnType::Number, ColumnType::Text];
pub(crate) const ID_REMEDY: &str = "an id must be text or a number";
pub(crate) const CATEGORIES: &[ColumnType] = &[ColumnType::Text, ColumnType::Integer];
pub(crate) const CATEGORY_REMEDY: &str = "a category must be text";

/// Product to class. Public: the catalogue is the shop's, not the customers'.
///
/// A product that stands in the file more than once has the first class in the order sensitive,
/// excluded, groups in the spec's order: a doubt is settled for the customer.
#[derive(Clone)]
pub(crate) enum ProductMap {
    Integer(Arc<PlHashMap<i64, Class>>),
    Text(Arc<PlHashMap<String, Class>>),
}

impl ProductMap {
    pub(crate) fn kind(&self) -> KeyKind {
        match self {
            Self::Integer(_) => KeyKind::Integer,
            Self::Text(_) => KeyKind::Text,
        }
    }

    /// A column of product keys (of [`ProductMap::kind`]) as class codes; never null.
    pub(crate) fn class(&self, product_key: Expr) -> Expr {
        let map = self.clone();
        product_key.map(
            move |c| {
                let code = |class: Option<&Class>| class.copied().unwrap_or(Class::Unknown).code();
                let codes: Vec<u16> = match &map {
                    Self::Integer(map) => c.i64()?.iter().map(|id| code(id.and_then(|id| map.get(&id)))).collect(),
                    Self::Text(map) => c.str()?.iter().map(|id| code(id.and_then(|id| map.get(id)))).collect(),
                };
                Ok(UInt16Chunked::from_vec(c.name().clone(), codes).into_column())
            },
            |_, field| Ok(Field::new(field.name.clone(), DataType::UInt16)),
        )
    }

    /// The class of one product key in its text form.
    pub(crate) fn look_up(&self, id: &str) -> Class {
        let class = match self {
            Self::Integer(map) => id.parse().ok().and_then(|id: i64| map.get(&id)),
            Self::Text(map) => map.get(id),
        };
        class.copied().unwrap_or(Class::Unknown)
    }

    /// How many products there are of each class.
    pub(crate) fn counts(&self) -> HashMap<Class, usize> {
        let mut counts = HashMap::new();
        let mut add = |class: &Class| *counts.entry(*class).or_default() += 1;
        match self {
            Self::Integer(map) => map.values().for_each(&mut add),
            Self::Text(map) => map.values().for_each(&mut add),
        }
        counts
    }
}

/// The products file, seen structurally.
pub(crate) struct Catalogue<'a> {
    shape: Shape,
    products: &'a Products,
}

impl<'a> Catalogue<'a> {
    /// Checks the file and its two columns.
    pub(crate) fn inspect(products: &'a Products, base: &Path) -> Result<Self, RawError> {
        let shape = Shape::inspect(&products.file, base)?;
        shape.typed(&products.product, "product id", IDS, ID_REMEDY)?;
        shape.typed(&products.category, "category", CATEGORIES, CATEGORY_REMEDY)?;
        Ok(Self { shape, products })
    }

    pub(crate) fn name(&self) -> &str {
        &self.shape.name
    }

    /// Reads and classifies all products, to be looked up from a column of type `other`; that the
    /// taxonomy names no category that is not there.
    pub(crate) fn load(&self, taxonomy: &Taxonomy, other: &DataType) -> Result<ProductMap, RawError> {
        let dtype = self.shape.dtype(&self.products.product, "product id")?;
        let kind = KeyKind::common(dtype, other);
        let category = Expr::Column(self.products.category.as_str().into()).cast(DataType::String);
        let plan = self.shape.public()?.select([
            key(Expr::Column(self.products.product.as_str().into()), dtype, kind).alias("product"),
            category.alias("category"),
        ]);
        let frame = guard::collect(plan, Engine::Streaming).map_err(|_| self.shape.failure())?;
        let categories = text(&frame, "category")?;
        let (column, products) = (&self.products.category, &self.products.product);
        is_reference(&self.shape.name, column, true, distinct(categories))?;
        self.check_names(taxonomy, categories)?;
        let classes = classes(taxonomy, categories);
        let internal = |_| RawError::Internal { stage: "reading products" };
        Ok(match kind {
            KeyKind::Integer => {
                let ids = frame.column("product").and_then(|c| c.i64()).map_err(internal)?;
                ProductMap::Integer(Arc::new(strictest(ids.iter().zip(classes))))
            }
            KeyKind::Text => {
                let ids = frame.column("product").and_then(|c| c.str()).map_err(internal)?;
                is_reference(&self.shape.name, products, false, distinct(ids))?;
                ProductMap::Text(Arc::new(strictest(ids.iter().map(|id| id.map(str::to_owned)).zip(classes))))
            }
        })
    }

    /// A name that matches nothing is a mistake, and a mistake in a sensitive name would expose it.
    fn check_names(&self, taxonomy: &Taxonomy, categories: &StringChunked) -> Result<(), RawError> {
        let written: HashSet<&str> = categories.iter().flatten().map(str::trim).filter(|c| !c.is_empty()).collect();
        let known: HashSet<String> = written.iter().map(|category| normal(category)).collect();
        match exact_names(taxonomy).find(|name| !known.contains(&normal(name))) {
            None => Ok(()),
            Some(name) => Err(RawError::UnknownCategory {
                file: self.shape.name.clone(),
                category: name.to_owned(),
                nearest: nearest(name, written),
            }),
        }
    }
}

/// Each text of a column once.
pub(crate) fn distinct(column: &StringChunked) -> impl Iterator<Item = &str> {
    column.iter().flatten().collect::<HashSet<_>>().into_iter()
}

/// The distinct names in one column of a public file, in order: a catalogue's categories or product types.
pub(crate) fn names(file: &File, column: &str, base: &Path) -> Result<Vec<String>, RawError> {
    let shape = Shape::inspect(file, base)?;
    shape.typed(column, "category", CATEGORIES, CATEGORY_REMEDY)?;
    let name = Expr::Column(column.into()).cast(DataType::String).alias("category");
    let frame = guard::collect(shape.public()?.select([name]), Engine::Streaming).map_err(|_| shape.failure())?;
    let written: BTreeSet<&str> = text(&frame, "category")?.iter().flatten().map(str::trim).collect();
    is_reference(&shape.name, column, true, written.iter().copied())?;
    Ok(written.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// The categories of some products of the public catalogue, as written there; a product may have several, or none.
pub(crate) fn categories_of(
    products: &Products,
    wanted: &HashSet<&str>,
    base: &Path,
) -> Result<HashMap<String, Vec<String>>, RawError> {
    let catalogue = Catalogue::inspect(products, base)?;
    let dtype = catalogue.shape.dtype(&products.product, "product id")?;
    let category = Expr::Column(products.category.as_str().into()).cast(DataType::String);
    let plan = catalogue.shape.public()?.select([
        key(Expr::Column(products.product.as_str().into()), dtype, KeyKind::Text).alias("product"),
        category.alias("category"),
    ]);
    let frame = guard::collect(plan, Engine::Streaming).map_err(|_| catalogue.shape.failure())?;
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for (id, category) in text(&frame, "product")?.iter().zip(text(&frame, "category")?.iter()) {
        if let (Some(id), Some(category)) = (id.filter(|id| wanted.contains(id)), category) {
            found.entry(id.to_owned()).or_default().push(category.to_owned());
        }
    }
    Ok(found)
}

/// The class of every row, each distinct category being matched once.
fn classes<'a>(taxonomy: &Taxonomy, categories: &'a StringChunked) -> impl Iterator<Item = Class> + 'a {
    let classifier = Classifier::new(taxonomy);
    let mut seen: HashMap<&str, Class> = HashMap::new();
    categories.iter().map(move |category| match category {
        None => Class::Unknown,
        Some(category) => *seen.entry(category).or_insert_with(|| classifier.classify(category)),
    })
}

fn strictest<K: std::hash::Hash + Eq>(rows: impl Iterator<Item = (Option<K>, Class)>) -> PlHashMap<K, Class> {
    // Every line looks its product up: the frame library's hash is faster than the standard one.
    let mut map = PlHashMap::new();
    for (id, class) in rows {
        if let Some(id) = id {
            map.entry(id).and_modify(|known: &mut Class| *known = class.min(*known)).or_insert(class);
        }
    }
    map
}

/// A text column of a collected frame.
pub(crate) fn text<'f>(frame: &'f DataFrame, column: &str) -> Result<&'f StringChunked, RawError> {
    frame.column(column).and_then(|c| c.str()).map_err(|_| RawError::Internal { stage: "reading a text column" })
}

/// A category column of the transactions themselves, of type `dtype`, as class codes; never null.
pub(crate) fn class_of_category(category: Expr, dtype: &DataType, taxonomy: &Taxonomy) -> Expr {
    let classifier = Classifier::new(taxonomy);
    let output = |_: &Schema, field: &Field| Ok(Field::new(field.name.clone(), DataType::UInt16));
    if KeyKind::of(dtype) == KeyKind::Integer {
        return category.cast(DataType::Int64).map(
            move |c| {
                let mut seen: PlHashMap<i64, u16> = PlHashMap::new();
                let code =
                    |number| *seen.entry(number).or_insert_with(|| classifier.classify(&number.to_string()).code());
                Ok(codes(c.name(), c.i64()?.iter(), code))
            },
            output,
        );
    }
    category.cast(DataType::String).map(
        move |c| {
            // One look-up a batch for each distinct text; patterns are slow.
            let mut seen: PlHashMap<&str, u16> = PlHashMap::new();
            let code = |text| *seen.entry(text).or_insert_with(|| classifier.classify_line(text).code());
            Ok(codes(c.name(), c.str()?.iter(), code))
        },
        output,
    )
}

fn codes<T>(name: &PlSmallStr, cells: impl Iterator<Item = Option<T>>, mut code: impl FnMut(T) -> u16) -> Column {
    let codes = cells.map(|cell| cell.map_or(Class::Unknown.code(), &mut code)).collect();
    UInt16Chunked::from_vec(name.clone(), codes).into_column()
}
