//! Histories that show that a promise holds, or not.

mod rows;
mod model;
mod random;
