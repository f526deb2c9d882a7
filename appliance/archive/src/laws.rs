//! What must hold for every sealed journal.

mod bundles;
mod clocks;
mod fixture;
mod kills;
mod notes;
mod parts;
mod scrutinies;
mod seals;
mod searches;
mod statements;
mod tables;
