//! What must hold for every sealed journal.

mod fixture;
mod notes;
mod seals;
mod searches;
mod tables;
