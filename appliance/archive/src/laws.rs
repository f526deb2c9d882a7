//! What must hold for every sealed journal.

mod clocks;
mod fixture;
mod notes;
mod seals;
mod statements;
mod tables;
