//! The rules a spec can break, and how a broken one is told.

use std::fmt;
use std::path::PathBuf;

use super::sensitive::OverlayError;

/// Writes [`Rule`] as a table: name and fields = code, the rule, the remedy.
macro_rules! rules {
    ($( $(#[$doc:meta])* $name:ident $({ $($field:ident : $ty:ty),* })? = $code:literal, $says:literal, $remedy:literal; )*) => {
        /// One variant a rule; its fields are what was written, cut short and escaped.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the fields are the blanks in the sentence above them")]
        pub enum Rule {
            $( $(#[$doc])* #[error($says)] $name $({ $($field: $ty),* })?, )*
        }

        impl Rule {
            /// Stable code of the rule: it outlives the wording.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self { $( Self::$name { .. } => $code, )* }
            }

            /// What to write instead.
            #[must_use]
            #[allow(unused_variables, reason = "not every remedy repeats what was written")]
            pub fn remedy(&self) -> String {
                match self { $( Self::$name $({ $($field),* })? => format!($remedy), )* }
            }
        }
    };
}

rules! {
    // The file.
    /// No such file.
    FileMissing = "spec.file-missing", "there is no such file", "check the path, or write a first spec with `tactful init`";
    /// A directory, no permission, or a failing disk.
    FileUnreadable = "spec.file-unreadable", "the file cannot be read", "check that it is a file and that you may read it";
    /// Not text.
    FileNotText = "spec.file-not-text", "this is not a text file", "name the spec (TOML), not the data";
    /// A Git LFS pointer in place of the file.
    LfsPointer = "spec.lfs-pointer", "this is a Git LFS pointer, not the file it stands for", "fetch the file with `git lfs pull`";
    /// Not TOML.
    Syntax { reason: String } = "spec.syntax", "this is not valid TOML: {reason}", "mend the line";

    // The shape.
    /// A key that does not exist.
    UnknownKey { key: String, table: String, hint: String } = "spec.unknown-key", "unknown key `{key}` in {table}", "{hint}";
    /// A value that does not exist.
    UnknownValue { value: String, hint: String } = "spec.unknown-value", "unknown value `{value}`", "{hint}";
    /// A number where a text is wanted, and the like.
    WrongType { found: &'static str, wanted: String } = "spec.wrong-type", "this is {found}", "write {wanted}";
    /// A key that must be written.
    Missing { key: String, meaning: String } = "spec.missing-key", "`{key}` is missing", "write it: {meaning}";
    /// Several keys of which exactly one must be written.
    OneOf { keys: &'static str } = "spec.exactly-one", "exactly one of {keys} must be written", "keep one of them";

    // Names, dates, texts.
    /// Another version of the format.
    Version { version: i64 } = "spec.version", "this program does not know version {version} of the spec", "write version = 1";
    /// Not a population's name.
    Population = "spec.population", "a population is 3 to 64 lower-case letters, digits and dashes, and starts with a letter or digit", "choose a name such as \"shop-customers\" and keep it: it is the ledger's key";
    /// A name that is blank, overlong or holds control characters.
    Text = "spec.text", "a name must have 1 to 120 printable characters", "write a name";
    /// A guess below one.
    ExpectedCustomers = "spec.expected-customers", "a guess of the number of customers must be a whole number above 0", "write a public guess, or leave the key out";
    /// Not a day.
    Date = "spec.date", "this is not a day", "write a day such as 2025-01-31";
    /// The window ends before it starts.
    WindowOrder = "spec.window-order", "the window must start before it ends", "`start` is the first day in, `end` the first day out";
    /// The window is too short.
    WindowShort { days: i64 } = "spec.window-short", "a window of {days} days is shorter than 28", "choose a window of at least four weeks: nothing finer is computed";

    // Files and columns.
    /// A register that is neither at the usual place nor at a path.
    RegisterFile = "spec.register", "`register` must be true or the path of a file", "write true for the usual place, or take the key out";
    /// A relative path that leads out of its folder.
    PathOutside = "spec.path-outside", "a relative path stays below the spec's folder, or --data DIR", "take out the `..`, or the link that leads out: write the whole path from / on, or name the folder of the data with --data";
    /// A blank path.
    Path = "spec.path", "a file needs a path", "write a path, relative to the spec's folder or to --data DIR";
    /// A file name that does not tell its format.
    Format = "spec.format", "the file's name does not tell its format", "add format = \"parquet\", \"csv\" or \"aligned\"";
    /// An impossible separator, or one for a file that has none.
    Separator = "spec.separator", "a separator is one ASCII character other than a letter, digit, quote or line end, and only for csv", "write separator = \";\", or leave the key out";
    /// A blank or unprintable column name.
    Column = "spec.column", "a column name must have 1 to 120 printable characters", "write the name of a column";
    /// One column in two roles.
    ColumnTwice { column: String, other: String } = "spec.column-twice", "the column `{column}` is already used as {other}", "name another column, or leave this key out";
    /// A date layout that cannot tell a day.
    DateFormat = "spec.date-format", "this layout does not tell year, month and day", "write a strftime layout such as \"%Y%m%d\" or \"%d.%m.%Y %H:%M\"";
    /// Two sources of categories.
    CategoryTwice = "spec.category-source", "categories come from a column of the transactions or from a products file, not both", "leave out `category`, or [sources.products]";
    /// A taxonomy without categories.
    CategoryMissing = "spec.category-missing", "a taxonomy needs categories, and no source has any", "add `category` to [sources.transactions], or [sources.products]";
    /// A products file that cannot be joined.
    ProductMissing = "spec.product-missing", "a products file is joined by product, and the transactions name no product column", "add `product` to [sources.transactions]";

    // Contract.
    /// An unbelievable largest amount.
    AmountMax = "spec.amount-max", "the largest believable amount of a line must be a number above 0 and at most 1e9", "write such a number in currency units";
    /// Not a share.
    RefuseAbove = "spec.refuse-above", "a share must be a number from 0 to 1", "write a share such as 0.1";

    // Taxonomy.
    /// No groups.
    GroupsEmpty = "spec.groups-empty", "a taxonomy needs between 1 and 127 groups", "add [[taxonomy.groups]], or leave [taxonomy] out";
    /// Not a group key.
    GroupKey = "spec.group-key", "a group's key is 1 to 40 lower-case letters, digits and underscores, and starts with a letter", "write a key such as \"fresh_fruit\"";
    /// Two groups of one key.
    GroupTwice { key: String } = "spec.group-twice", "there are two groups `{key}`", "give one of them another key";
    /// A group without categories.
    GroupEmpty = "spec.group-empty", "a group needs at least one category", "list its categories, or leave the group out";
    /// A useless pattern.
    Pattern { pattern: String } = "spec.pattern", "`{pattern}` is no category or pattern", "write 1 to 120 printable characters; a pattern needs two besides its `*`";
    /// A category listed twice.
    PatternTwice { pattern: String, first: String } = "spec.category-twice", "`{pattern}` is already listed in {first}", "list each category once";
    /// A category that is denied and used.
    Denied { category: String, pattern: String, list: &'static str } = "spec.category-denied", "`{category}` is in a group and also {list} (by `{pattern}`)", "take it out of the group: what is {list} shapes nothing";

    // Features.
    /// No features, or too many.
    FeatureCount { count: usize } = "spec.feature-count", "{count} features are not between 1 and 127", "keep 4 to 24: each takes its part of the noise";
    /// Two features of one key.
    FeatureTwice { key: String } = "spec.feature-twice", "there are two features `{key}`", "leave one of them out";
    /// A kind of feature that is made per group.
    FeatureGroups { kind: &'static str } = "spec.feature-groups", "a feature of kind {kind} needs groups", "write groups = \"all\" or groups = [\"...\"]";
    /// A kind of feature that knows no groups.
    FeatureNoGroups { kind: &'static str } = "spec.feature-no-groups", "a feature of kind {kind} has no groups", "leave `groups` out";
    /// A group that does not exist.
    FeatureGroupUnknown { group: String, hint: String } = "spec.feature-group-unknown", "no group has the key `{group}`", "{hint}";
    /// A kind that needs a taxonomy.
    FeatureTaxonomy { kind: &'static str } = "spec.feature-needs-taxonomy", "a feature of kind {kind} needs a taxonomy", "add [taxonomy] with its groups, or leave the feature out";
    /// A kind that needs discounts.
    FeatureDiscounts = "spec.feature-needs-discounts", "a discount share needs discount columns", "add `discounts` to [sources.transactions], or leave the feature out";
    /// A kind that needs baskets.
    FeatureBasket = "spec.feature-needs-basket", "a basket size needs a basket column", "add `basket` to [sources.transactions], or leave the feature out";
    /// Bounds that are none.
    Bounds = "spec.bounds", "bounds must be numbers, the lower below the upper, neither beyond 1e12", "write public bounds that you know without the data";
    /// Bounds outside of what the feature can be.
    BoundsRange { kind: &'static str, range: &'static str } = "spec.bounds-range", "a feature of kind {kind} lies {range}", "choose bounds inside that range";
    /// A logarithm of a negative number.
    LogNegative = "spec.log-negative", "a log scale needs a lower bound of at least 0", "write lower = 0";
    /// A logarithm of yes and no.
    LogIncidence = "spec.log-incidence", "an incidence is 0 or 1: it has no log scale and no other bounds", "leave out `scale`, `lower` and `upper`";
    /// Not a weight.
    Weight = "spec.weight", "a weight must be above 0 and at most 1", "write a weight such as 0.5, or leave the key out for 1";
    /// One label for several features.
    FeatureLabel = "spec.feature-label", "one label cannot name several features", "leave `label` out: each group has its own";

    // Segments and privacy.
    /// Too few or too many clusters.
    SegmentNumber { number: i64 } = "spec.segment-number", "{number} segments are not between 1 and 64", "choose a number; 4 to 12 are usual";
    /// k too low.
    FloorTooLow { floor: i64 } = "spec.floor-too-low", "a floor of {floor} is below 20", "write 20 or more; 50 is the default";
    /// k beyond reason.
    FloorTooHigh { floor: i64 } = "spec.floor-too-high", "a floor of {floor} is above one million", "write a floor that a segment can reach";
    /// A bound on what segments may tell that is none.
    GateRange { most: String } = "spec.gate-range", "what segments may tell is an area under the curve above 0.5 and at most {most}", "leave [gate] out for the policy's bound, or write a smaller one";
    /// A looser bound that nobody answers for.
    GateLoosened { policy: String } = "policy.gate", "segments may tell more of sensitive groups than the policy's {policy}, and nobody says why", "add `reason` and `approved_by` to [gate], or leave it out";
    /// Not an epsilon.
    Epsilon = "spec.epsilon", "epsilon must be a finite number above 0 and at most 20", "write epsilon = 1.0 or less; there is no value that means \"off\"";
    /// Not a delta.
    Delta = "spec.delta", "delta must be a finite number above 0 and at most 0.001", "write a delta well below 1 / (number of customers), such as 1e-6";
    /// A year that cannot pay for one release.
    YearBelowRelease { what: &'static str } = "spec.year-below-release", "a year's {what} is below that of one release", "write at least the release's {what}";

    /// A share that leaves too little for it or for the others.
    SplitShare { share: i64, least: i64, most: i64 } = "spec.split-share", "a share of {share} per mille is not between {least} and {most}", "write a share that leaves every measurement its least, or leave the key out for the usual one";
    /// Shares that are not the whole.
    SplitSum { sum: String, remedy: String } = "spec.split-sum", "the shares add up to {sum} per mille, not to 970 (what is left out counts as usual: clustering 560, incidence 170, floor 70, sizes 70, gate 100)", "{remedy}";
    /// A gate that would find less.
    SplitGate { share: i64, least: i64 } = "policy.gate-share", "a share of {share} per mille for the gate is below its usual {least}: with less it finds less of what segments tell of sensitive groups", "write {least} or more, or leave the key out";

    // Promotions.
    /// A target that needs a taxonomy.
    PromotionTaxonomy = "spec.promotions-need-taxonomy", "promotions are matched by category group, and there is no taxonomy", "add [taxonomy], or leave [promotions] out";
    /// A product target without a catalogue.
    PromotionProducts = "spec.promotions-need-products", "a promotion of products needs a products file", "add [sources.products], or name a `category` or `group` column";

    // Consent and destinations.
    /// Not a number of days.
    Days { count: i64 } = "spec.days", "{count} days are not between 1 and 366", "write a number of days; 7 is usual for consent, 30 for a hand-over";
    /// Not a purpose.
    Purpose = "spec.purpose", "a purpose is 1 to 64 lower-case letters, digits, dashes and underscores, and starts with a letter or digit", "write the word that people consented to, such as \"segmentation\"";
    /// Destinations without consent.
    DestinationConsent = "spec.destination-consent", "an audience is made of those who consented, and no source says who did", "add [sources.consent], or leave [[destinations]] out";
    /// Not a destination's name.
    DestinationName = "spec.destination-name", "a destination's name is 3 to 40 lower-case letters, digits and dashes", "choose a name such as \"newsletter\" and keep it: ids are made for it";
    /// Two destinations of one name.
    DestinationTwice { name: String } = "spec.destination-twice", "there are two destinations `{name}`", "give one of them another name";
    /// No contract.
    Contract = "spec.contract", "a contract is named with 1 to 120 printable characters", "write the contract's number, or for an own channel that of the record of processing";
    /// A minimum too low.
    Minimum { minimum: i64 } = "spec.minimum", "a minimum of {minimum} is not between 20 and a hundred million", "write 20 or more; the spec's floor holds besides";
    /// Not a span of the calendar.
    EpochSpan = "spec.epoch", "an epoch is \"month\", \"quarter\", or whole weeks from \"1w\" to \"52w\"", "write epoch = \"4w\" or \"month\"";
    /// A cap that caps nothing.
    LinkabilityBits { bits: i64 } = "spec.linkability-bits", "{bits} bits are not between 1 and 12", "leave the key out for 12: with more, what an epoch's ids reveal tells many people apart";
    /// Not segments.
    DestinationSegments = "spec.destination-segments", "segments are named once each by their ids, such as S1", "write segments = [\"S1\", \"S4\"], or leave the key out for all";
    // Notice.
    /// Not a text of a notice.
    NoticeText = "spec.notice-text", "a text of the notice is 1 to 200 printable characters", "write such a text, or leave the key out until it is known";
    /// Not a page.
    NoticeUrl = "spec.notice-url", "a page to opt out starts with https:// and has no blanks or quotes", "write such an address";
    /// Not a time.
    NoticeMonths { months: i64 } = "spec.notice-months", "{months} months are not between 1 and 240", "write for how many months purchases are kept";
    /// Two numbers to rank by.
    PromotionWorth = "spec.promotions-worth", "`margin` and `priority` both rank what fits", "keep one of them";

    // Policy.
    /// A role that is not to be had.
    PolicyRole { role: String } = "policy.role", "there is no role `{role}` for a destination", "a destination is the shop's own_channel or a processor under contract: customers are nobody's merchandise";
    /// Data of others.
    PolicyOrigin { origin: String } = "policy.origin", "data of origin `{origin}` is not accepted", "use the shop's own purchases (first_party), simulated ones, or research data that everybody can get (public): people did not give that data for this";
    /// Public purchases of which nobody says where they were published.
    PublishedMissing = "policy.published", "`public` is for purchases that were published for everybody, and nothing says where", "write published = \"who published them, and where\", as every output will repeat it; a shop's own customers are never public, also when nobody is named: write origin = \"first_party\"";
    /// An audience of people who are nobody's customers here.
    PublicDestination = "policy.public-destination", "there are no audiences of public purchases", "take the destinations out: whose purchases were published for research gave nobody leave to write to them";
    /// Not a text that says it.
    Published = "spec.published", "where purchases were published is said in 10 to 300 printable characters", "write who published them and where, so that a reader finds them";
    /// A publication of purchases that are not public.
    PublishedPrivate = "spec.published-private", "these purchases are not of origin `public`, and a publication is named", "leave `published` out, or write origin = \"public\" if everybody can get these very purchases there";
    /// A column about the person.
    PolicyColumn { column: String, says: &'static str, word: String } = "policy.column", "the column `{column}` names {says} (`{word}`)", "leave it out, and best of all out of the file: segments are made of purchases alone";
    /// An identity in the place of an id.
    PolicyUnit { column: String, says: &'static str, word: String } = "policy.unit", "the unit's column `{column}` names {says} (`{word}`)", "let the till's own customer or card number stand for the customer: whoever reads such a file must not read who it is";
    /// A column of another origin than the spec's.
    OriginDiffers { origin: &'static str } = "spec.origin-differs", "this is not of the spec's origin, which is {origin}", "leave the key out: rows of two origins are not put together";
    /// The origin of a column that is not mapped.
    OriginColumn { column: String } = "spec.origin-column", "no column `{column}` is named in this file's table", "name a column that the table names, or leave the key out";

    /// A sensitive name where a feature, a label or a profile would show it.
    Sensitive { name: String, group: String, rule: String } = "policy.sensitive", "`{name}` is sensitive ({group}, by `{rule}`) and can be in no group, label or feature", "list it under taxonomy.sensitive, or leave it out; docs/sensitive.md says why, and what an officer may loosen";
    /// An overlay that is not there or cannot be used.
    Overlay { reason: String } = "policy.overlay", "{reason}", "see docs/sensitive.md";
    /// No review where the spec says it is.
    ReviewUnreadable { file: String } = "policy.review-unreadable", "the signed review `{file}` cannot be read", "put it beside the spec, or write and sign one with `tactful taxonomy review` and `tactful taxonomy sign`";
    /// Not a review.
    ReviewShape { reason: String } = "policy.review-shape", "this is no review of categories: {reason}", "write one with `tactful taxonomy review`";
    /// A verdict that does not exist.
    ReviewVerdict { category: String, verdict: String } = "policy.review-verdict", "`{verdict}` is no verdict on `{category}`", "write sensitive, excluded, denied, or group:KEY";
    /// One name, two lines.
    ReviewTwice { category: String } = "policy.review-twice", "`{category}` is blank or stands in the review twice", "keep one line";
    /// Nobody signed.
    ReviewUnsigned { file: String } = "policy.review-unsigned", "the review `{file}` is not signed", "let the privacy officer read it and run `tactful taxonomy sign`";
    /// Signed once is enough.
    ReviewSigned = "policy.review-signed", "the review is signed already", "to sign a changed one, take its [signature] out first";
    /// No name.
    Officer = "policy.officer", "a signature needs somebody who answers for it: first and last name, or a name and an office, at most 120 printable characters", "write --officer \"FIRST LAST\", or --officer \"NAME, OFFICE\"";
    /// Changed after it was signed.
    ReviewChanged { officer: String } = "policy.review-changed", "the review does not match its hash: it was changed after {officer} signed it", "undo the change, or take [signature] out and let it be signed again";
    /// Another review than the spec's.
    ReviewOther { hash: String } = "policy.review-other", "the review is not the one that the spec carries: its hash is {hash}", "write that hash into taxonomy.review if this is the review that was meant";
    /// Made for other countries.
    ReviewCountries { countries: String } = "policy.review-countries", "the review was made for the countries [{countries}], the spec names others", "make taxonomy.countries and the review agree";
    /// Not in the review.
    ReviewLacks { category: String } = "policy.review-lacks", "nobody classified `{category}`: the signed review does not know it", "take it out of the group, or review and sign again";
    /// The review says otherwise.
    ReviewContradicts { category: String, verdict: String, key: String } = "policy.review-contradicts", "the signed review says that `{category}` is {verdict}, and group {key} has it", "take it out of the group, or review and sign again";
    /// The policy knows more by now, or the review was never held to it.
    ReviewOutdated { category: String, group: String, rule: String, was: String, now: String } = "policy.review-outdated", "`{category}` is in a group of the review (policy {was}), and policy {now} calls it sensitive ({group}, by `{rule}`)", "make it sensitive and let the review be signed again";

    /// A gap in the rules above; never seen.
    Incomplete = "spec.incomplete", "the spec is incomplete", "compare it with models/spec.schema.json";
}

impl Rule {
    /// An overlay that cannot be used. Its remedy stands last in the sentence, so only what a person wrote in it is cut.
    pub(crate) fn overlay(error: &OverlayError) -> Self {
        Self::Overlay { reason: cut(&error.to_string(), 600) }
    }
}

/// A broken rule and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Key path such as `features[2].upper`, counted from 0; empty for the whole file.
    pub path: String,
    /// Line in the file, counted from 1, when it is known.
    pub line: Option<usize>,
    /// The rule.
    pub rule: Rule,
}

impl Problem {
    /// Whether the rule is a matter of policy: rewording the spec does not help.
    #[must_use]
    pub fn is_policy(&self) -> bool {
        self.rule.code().starts_with("policy.")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}; {} [{}]", self.rule, self.rule.remedy(), self.rule.code())
    }
}

/// Why a spec was refused: every rule it breaks, in the order of the file.
///
/// Its text holds what a person wrote in the spec, cut short and escaped, and nothing from data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    file: Option<PathBuf>,
    problems: Vec<Problem>,
}

impl SpecError {
    /// An error of at least one problem.
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        if problems.is_empty() {
            problems.push(Problem { path: String::new(), line: None, rule: Rule::Incomplete });
        }
        problems.sort_by_key(|problem| problem.line.unwrap_or(0));
        Self { file: None, problems }
    }

    /// The whole file breaks `rule`.
    pub(crate) fn whole(rule: Rule) -> Self {
        Self::new(vec![Problem { path: String::new(), line: None, rule }])
    }

    /// The whole file breaks all of `rules`.
    pub(super) fn wholes(rules: Vec<Rule>) -> Self {
        Self::new(rules.into_iter().map(|rule| Problem { path: String::new(), line: None, rule }).collect())
    }

    /// Says which file it is about.
    #[must_use]
    pub(crate) fn in_file(mut self, file: &std::path::Path) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// Every broken rule.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Code of the gravest problem: a policy refusal if there is one, else the first.
    #[must_use]
    pub fn code(&self) -> &'static str {
        let gravest = self.problems.iter().find(|problem| problem.is_policy());
        gravest.or(self.problems.first()).map_or("spec.incomplete", |problem| problem.rule.code())
    }

    /// Whether any rule of policy is broken.
    #[must_use]
    pub fn is_policy(&self) -> bool {
        self.problems.iter().any(Problem::is_policy)
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            if let Some(file) = &self.file {
                write!(f, "{}: ", shown(&file.display().to_string()))?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SpecError {}

/// `text` as it may be shown in a line: escaped, and cut after 80 characters.
pub(super) fn shown(text: &str) -> String {
    cut(text, 80)
}

fn cut(text: &str, most: usize) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(most).flat_map(show_char).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

fn show_char(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

/// "did you mean" for the nearest of `known`, else the list of what is known.
pub(super) fn hint<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(written, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known are {}", known.join(", ")),
    }
}

/// The word of `known` that was most likely meant.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |word| (strsim::normalized_damerau_levenshtein(written, word), word);
    let near = known.into_iter().map(likeness).filter(|&(likeness, _)| likeness >= 0.6);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, word)| word)
}
