//! What must hold for every sealed journal.

mod bundles;
mod fixture;
mod notes;
mod seals;
mod tables;
