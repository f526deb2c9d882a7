//! What must hold for every sealed journal.

mod bundles;
mod clocks;
mod fixture;
mod kills;
mod notes;
mod seals;
mod searches;
mod statements;
mod tables;
