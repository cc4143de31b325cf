//! What is allowed, and yet worth a second look. Advice never stops a run.

use super::checked::{FeatureKind, Spec};
use super::pattern::{Place, Placer, policy_of};

impl Spec {
    /// Soft findings, one sentence each; empty when there is nothing to say.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        self.advise_on_privacy(&mut advice);
        self.advise_on_size(&mut advice);
        self.advise_on_taxonomy(&mut advice);
        advice
    }

    #[allow(clippy::cast_precision_loss, reason = "a rough comparison")]
    /// Soft findings on what the policy keeps out. Apart from [`Spec::advice`], which a release repeats: these name what is
    /// sensitive, and no output may.
    #[must_use]
    pub fn policy_advice(&self) -> Vec<String> {
        let Some(taxonomy) = &self.taxonomy else { return Vec::new() };
        let policy = policy_of(taxonomy);
        let mut advice = Vec::new();
        for group in &taxonomy.groups {
            for pattern in group.categories.iter().filter(|category| category.contains('*')) {
                if let Some(hit) = policy.judge(pattern).first() {
                    advice.push(format!(
                        "`{pattern}` of group {} names what the policy calls sensitive ({}, by `{}`): what it covers of that stays out",
                        group.key, hit.group.id, hit.rule
                    ));
                }
            }
        }
        match &taxonomy.review {
            None => advice.push(
                "no signed review of the categories: `tactful taxonomy review` proposes one, an officer signs it once".into(),
            ),
            Some(review) if review.policy != policy.version() => advice.push(format!(
                "the review was made with policy {} and this program carries {}: nothing in its groups became sensitive",
                review.policy,
                policy.version()
            )),
            Some(_) => {}
        }
        advice
    }

    fn advise_on_privacy(&self, advice: &mut Vec<String>) {
        let privacy = &self.privacy;
        if let Some(customers) = self.expected_customers
            && privacy.delta.value() * customers as f64 > 1.0
        {
            advice.push(format!(
                "privacy.delta is above 1 / expected_customers: at {customers} customers a delta of {:e} lets about one \
                 of them go unprotected; write one tenth of that or less",
                privacy.delta.value()
            ));
        }
        if privacy.epsilon.value() > 3.0 {
            advice.push(format!(
                "privacy.epsilon is {}: even odds that a customer is in the data can become {:.0} %; 1 or less is usual",
                privacy.epsilon.value(),
                (100.0 * privacy.epsilon.even_odds_become()).ceil()
            ));
        }
        if privacy.epsilon_per_year == privacy.epsilon || privacy.delta_per_year == privacy.delta {
            advice.push("privacy.year pays for one release only: a second one this year will be refused".to_owned());
        }
        let nobody = self.sources.opt_outs.is_none() && self.sources.register.is_none();
        if nobody && self.origin == super::checked::Origin::FirstParty {
            advice.push("no [sources.opt_outs]: everyone in the transactions is counted".to_owned());
        }
        if let Some(published) = &self.sources.transactions.published {
            advice.push(format!(
                "origin is public (\"{}\"): `tactful sweep` looks at exact rows of it, and every output says so; a shop's own customers \
                 are first_party, without exception",
                super::rule::shown(published)
            ));
        }
    }

    fn advise_on_size(&self, advice: &mut Vec<String>) {
        let wanted = u64::try_from(self.segments.number).unwrap_or(u64::MAX).saturating_mul(self.segments.floor);
        if let Some(customers) = self.expected_customers
            && wanted > customers
        {
            advice.push(format!(
                "segments.number × segments.floor is {wanted}, above the {customers} expected customers: some segments \
                 will fall below the floor and be merged"
            ));
        }
        if self.features.len() > 32 {
            advice.push(format!(
                "{} features share one budget of noise: with fewer, each is seen more sharply",
                self.features.len()
            ));
        }
    }

    fn advise_on_taxonomy(&self, advice: &mut Vec<String>) {
        let Some(taxonomy) = &self.taxonomy else {
            let sources = &self.sources;
            if sources.products.is_some() || sources.transactions.category.is_some() {
                advice.push("categories are named and there is no [taxonomy]: they are not used".to_owned());
            }
            return;
        };
        if taxonomy.sensitive.is_empty() {
            advice
                .push("taxonomy.sensitive is empty: is there truly nothing that a customer would keep private?".into());
        }
        let placer = Placer::new(taxonomy);
        for (i, group) in taxonomy.groups.iter().enumerate() {
            for category in &group.categories {
                let plain = !category.contains('*');
                if plain && placer.place(category) != Place::Group(i) {
                    advice.push(format!(
                        "`{category}` of group {} is never reached: an earlier pattern has it",
                        group.key
                    ));
                }
            }
        }
        let per_group = |kind: FeatureKind| matches!(kind, FeatureKind::SpendShare(_) | FeatureKind::Incidence(_));
        if !self.features.iter().any(|feature| per_group(feature.kind)) {
            advice.push("no feature is made of the category groups: segments will not tell what people buy".to_owned());
        }
    }
}
