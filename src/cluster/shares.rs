//! How a fit's ρ is divided: public numbers, per mille.

/// Shares of a fit's ρ, per mille; what is left goes to the refinement.
///
/// They are the same for every population, but for `leaner` and `recentre`, which noised values
/// decide on: none is tuned to a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Noisy number of units.
    pub count: u64,
    /// Mean, for centring; 0 in up to three dimensions.
    pub mean: u64,
    /// The mean again, inside the radius, where the first was mostly noise; 0 in up to three dimensions.
    pub recentre: u64,
    /// Histogram of norms, for the radius; 0 in up to three dimensions.
    pub radius: u64,
    /// Second moment, for the subspace; 0 in up to three dimensions.
    pub subspace: u64,
    /// Votes along one axis, for where on it the units are; 0 in more than three dimensions.
    pub range: u64,
    /// Votes of the first round (or of the grid).
    pub first_votes: u64,
    /// Votes of the second round; 0 in up to three dimensions.
    pub second_votes: u64,
    /// Means within the sites of the second round; 0 in up to three dimensions.
    pub site_means: u64,
    /// Histogram of distances, for the clipping radius.
    pub scale: u64,
    /// Part of each refinement round, per mille of the round, that goes to its counts.
    pub counts_in_round: u64,
}

impl Shares {
    /// Dimensions up to which a public grid serves as the sites.
    pub const GRID_DIM: usize = 3;

    /// The shares for rows of `dim` features.
    #[must_use]
    pub fn for_dim(dim: usize) -> Self {
        if dim <= Self::GRID_DIM {
            let none = Self {
                count: 10,
                mean: 0,
                recentre: 0,
                radius: 0,
                subspace: 0,
                range: 15,
                first_votes: 500,
                second_votes: 0,
                site_means: 0,
                scale: 30,
                counts_in_round: 80,
            };
            return none;
        }
        Self {
            count: 10,
            mean: 40,
            recentre: 60,
            radius: 20,
            subspace: 120,
            range: 0,
            first_votes: 60,
            second_votes: 120,
            site_means: 120,
            scale: 30,
            counts_in_round: 40,
        }
    }

    /// The shares where noise drowns the subspace: half as much for it and for the start, which then know
    /// little; the refinement gains more from it.
    #[must_use]
    pub(crate) fn leaner(self) -> Self {
        Self {
            subspace: self.subspace / 2,
            first_votes: self.first_votes / 2,
            second_votes: self.second_votes / 2,
            site_means: self.site_means / 2,
            ..self
        }
    }

    /// Per mille left for the refinement, when the mean is measured once and nothing is halved; with as many axes as a grid can have.
    #[must_use]
    pub fn refinement(&self) -> u64 {
        1000 - self.count
            - self.mean
            - self.radius
            - self.subspace
            - self.range * Self::GRID_DIM as u64
            - self.first_votes
            - self.second_votes
            - self.site_means
            - self.scale
    }
}
