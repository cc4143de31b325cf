//! The `tactful` command.

fn main() {}
