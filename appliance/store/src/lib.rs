//! The box's intended state in SQLite.
