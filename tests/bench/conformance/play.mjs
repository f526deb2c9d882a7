// Plays the suite with the cache at the address that is the first argument. Prints a line for each test: its name, its kind
// (required, optimal or check), what came of it, and why.

import { runTests, getResults } from 'http-cache-tests/client/runner.mjs'
import { determineTestResult } from 'http-cache-tests/lib/display.mjs'
import suites from 'http-cache-tests/tests/index.mjs'
import fetch from 'node-fetch'

// Tests at once: a school's PC does not ask for more.
const CHUNK = 25
// What the suite shows for an outcome, as a word.
const OUTCOMES = { '✅': 'pass', Y: 'pass', '⛔️': 'fail', '⚠️': 'fail', N: 'fail' }

// Not among these: `Surrogate-Control`, of a note of the W3C, which no RFC has taken up.
await runTests(suites, fetch, false, process.argv[2], CHUNK)
const results = getResults()
for (const test of suites.flatMap(suite => suite.tests)) {
  const result = results[test.id]
  if (result === undefined) continue
  const [, , shown] = determineTestResult(suites, test.id, results)
  const why = Array.isArray(result) ? result.join(': ').replace(/\s+/g, ' ') : ''
  console.log([test.id, test.kind ?? 'required', OUTCOMES[shown] ?? 'unplayed', why].join('\t'))
}
