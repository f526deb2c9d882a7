//! The policy as tables that a data-protection officer could read.

mod hours;
mod lessons;
mod precedence;
mod profiles;
mod school;
mod screening;
mod services;
