//! Whole-box tests with the real binary.
