//! The reading of a self-test's result.

/// What is read is written the same, and counts each result once.
///
/// # Panics
/// When it does not.
pub fn run(data: &[u8]) {
    let Ok(run) = selftest::parse(data) else { return };
    assert_eq!(run.counts().iter().sum::<usize>(), run.results.len());
    let again = run.to_bytes().ok().and_then(|bytes| selftest::parse(&bytes).ok());
    assert_eq!(again, Some(run));
}
