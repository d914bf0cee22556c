//! Our own broker under our own binary, and under clients that others wrote.

mod ours;
mod kcat;
mod java;
mod python;
mod go;
mod fetch_versions;
