/**
 * Prints the closing line `N passed, N failed, N skipped` that CI reads.
 * A suite that could not be loaded counts as a failure, and so does a run in which nothing passed.
 */
export default class PlainReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    if (results.numPassedTests === 0) process.exitCode = 1;
    process.on('exit', () => {
      process.stdout.write(`${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped\n`);
    });
  }
}
