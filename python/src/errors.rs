//! From the engine's errors to Python's classes, by code and exit status.

use pyo3::prelude::*;
use tactful::engine::{EngineError, Exit};

/// The exception for an error of the engine, made by `tactful._errors.of`.
pub(crate) fn raise(py: Python<'_>, error: &EngineError) -> PyErr {
    let spent = match error {
        EngineError::Interrupted { spent } => Some(*spent),
        _ => None,
    };
    made(py, error.code(), error.exit() as u8, &error.to_string(), spent)
}

/// The statuses that the command line ends with, each of which has a class.
#[pyfunction]
pub(crate) fn statuses() -> Vec<u8> {
    Exit::ALL.map(|exit| exit as u8).to_vec()
}

/// The exception for an argument that cannot be.
pub(crate) fn usage(py: Python<'_>, message: &str) -> PyErr {
    made(py, "usage", Exit::Usage as u8, message, None)
}

/// The exception for a thread of the engine that panicked: a defect. What it said is not repeated.
pub(crate) fn panicked(py: Python<'_>) -> PyErr {
    raise(py, &EngineError::Internal("a thread of the engine ended early"))
}

pub(crate) fn made(py: Python<'_>, code: &str, exit: u8, message: &str, spent: Option<bool>) -> PyErr {
    let error = py.import("tactful._errors").and_then(|errors| errors.call_method1("of", (code, exit, message, spent)));
    error.map_or_else(|error| error, PyErr::from_value)
}
