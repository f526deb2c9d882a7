//! A whole school, with the real programs and real clients: one module for each promise.

#[cfg(test)]
mod adopting;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod browsers;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod ent_disk;
#[cfg(test)]
mod ent_only;
#[cfg(test)]
mod ent_restart;
#[cfg(test)]
mod filtering;
#[cfg(test)]
mod firewall;
#[cfg(test)]
mod fresh;
#[cfg(test)]
mod health;
#[cfg(test)]
mod hub;
mod hub_alerts;
#[cfg(test)]
mod hub_answers;
#[cfg(test)]
mod hub_api;
#[cfg(test)]
mod hub_configuration;
#[cfg(test)]
mod hub_export;
#[cfg(test)]
mod hub_files;
#[cfg(test)]
mod hub_growth;
#[cfg(test)]
mod hub_lists;
#[cfg(test)]
mod hub_moving;
#[cfg(test)]
mod hub_names;
#[cfg(test)]
mod hub_oidc;
#[cfg(test)]
mod hub_releases;
#[cfg(test)]
mod hub_restore;
#[cfg(test)]
mod hub_schools;
#[cfg(test)]
mod hub_service;
#[cfg(test)]
mod hub_urgent;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod lessons;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod logging;
#[cfg(test)]
mod neighbours;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod overrides;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod people;
#[cfg(test)]
mod preparing;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod readings;
#[cfg(test)]
mod replacement;
#[cfg(test)]
mod resilience;
#[cfg(test)]
mod resolving;
mod retention;
#[cfg(test)]
mod screening;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod selftest;
#[cfg(test)]
mod services;
#[cfg(test)]
mod support;
#[cfg(test)]
mod technician;
#[cfg(test)]
mod units;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod why;
#[cfg(test)]
mod wifi;
#[cfg(test)]
mod workspace;
