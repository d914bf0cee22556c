//! Clients beside three real brokers that stop, stand still, move and come back, and behind a
//! proxy that is slow, cuts and is silent: nothing that was acknowledged is lost, and nobody waits
//! in silence.
//!
//! Most of it runs on one cluster, which ends with the process that runs the tests; what needs
//! other settings has a broker of its own.

mod cluster;
mod topics;
mod shared;
mod dice;
mod reading;
mod sending;
mod transacting;
mod watching;
mod traffic;
mod trial;
mod members;
mod crew;
mod rolls;
mod bereaved;
mod names;
mod logs_change;
mod migration;
mod nemesis;
mod kills;
mod late;
mod coordinators;
mod leaderless;
mod losses;
mod rights;
mod forgotten;
mod moves;
mod brokers;
mod addresses;
mod wires;
mod silence;
mod limits;
mod process;
