/** Jest as native ES modules; see docs/architecture.md, "Tests". */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  reporters: ['default', '<rootDir>/test/support/plain-reporter.mjs'],
  testTimeout: 30_000,
  // Two also on two cores: most tests wait for chains and processes, which need the other half of a core.
  maxWorkers: 2,
};
