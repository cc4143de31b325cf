//! What `tactful cluster` takes.

use std::path::PathBuf;

use tactful_kernel::{Delta, Epsilon};

use super::{delta, epsilon, population};

#[derive(Debug, Clone, clap::Args)]
pub struct ClusterArgs {
    /// The array: a .npy file of float32 or float64 with two dimensions, one row a person, 1 to 127 columns.
    pub file: PathBuf,
    /// How many centres to look for.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub k: u8,
    /// Public bound of each row's length (L2 norm) from the origin.
    #[arg(long, value_name = "R", required_unless_present_all = ["lower", "upper"], conflicts_with_all = ["lower", "upper"])]
    pub radius: Option<f64>,
    /// Public lower bound of every column.
    #[arg(long, value_name = "L", requires = "upper", allow_negative_numbers = true)]
    pub lower: Option<f64>,
    /// Public upper bound of every column.
    #[arg(long, value_name = "U", requires = "lower", allow_negative_numbers = true)]
    pub upper: Option<f64>,
    /// ε of the centres.
    #[arg(long, value_name = "E", value_parser = epsilon)]
    pub epsilon: Epsilon,
    /// δ of the centres.
    #[arg(long, value_name = "D", value_parser = delta)]
    pub delta: Delta,
    /// For PUBLIC or SIMULATED rows alone: noise from this seed, which protects nobody. Spends nothing; every output is
    /// marked as simulated.
    #[arg(long, value_name = "S", conflicts_with_all = ["ledger", "population", "epsilon_per_year", "delta_per_year"])]
    pub seed_simulated: Option<u64>,
    /// The privacy ledger [default: that of `TACTFUL_LEDGER`, else one per population in your data directory].
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// The protected population: the same name for every use of the same people.
    #[arg(long, value_name = "NAME", value_parser = population, required_unless_present = "seed_simulated")]
    pub population: Option<String>,
    /// ε that the population may spend in a year.
    #[arg(long, value_name = "E", value_parser = epsilon, required_unless_present = "seed_simulated")]
    pub epsilon_per_year: Option<Epsilon>,
    /// δ that the population may spend in a year.
    #[arg(long, value_name = "D", value_parser = delta, required_unless_present = "seed_simulated")]
    pub delta_per_year: Option<Delta>,
    /// Where the centres go: a .npy file of float64, centres × columns, in the array's units. Must not exist.
    #[arg(long, value_name = "CENTRES")]
    pub out: PathBuf,
}
