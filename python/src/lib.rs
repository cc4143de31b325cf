//! The module `tactful._tactful`: what the Python package asks of the engine.
//!
//! Nothing is decided here. Python hands over rows, names and numbers; the engine checks, computes and pays; what comes back is public
//! or noised, as JSON, or an error with a stable code and a text free of data. The interpreter's lock is given up while the engine works.
#![allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod errors;
mod experiment;
mod fit;
mod hygiene;
mod job;
mod rows;
mod work;

use pyo3::prelude::*;

#[pymodule]
mod _tactful {
    #[pymodule_export]
    use super::errors::statuses;
    #[pymodule_export]
    use super::experiment::{simulate_shop, sweep_over};
    #[pymodule_export]
    use super::fit::{fit, predict};
    #[pymodule_export]
    use super::hygiene::{environment, owns_openssl};
    #[pymodule_export]
    use super::job::{audit, cards, check, load, plan, run};
    #[pymodule_export]
    use super::rows::Rows;

    #[pymodule_init]
    fn init(module: &super::Bound<'_, super::PyModule>) -> super::PyResult<()> {
        use super::PyModuleMethods;
        super::hygiene::begin();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
