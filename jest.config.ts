/** @jest-config-loader esbuild-register */
import { type Config } from 'jest';

// Tests that import sources run them through swc, without a build; tests that start processes start
// what `tsc -b` left in dist/. `.lua` files are read from disk by the code itself: no transform.
const config: Config = {
  // Node's, which also notes what each test file cost: `npm test` names the most expensive ones.
  testEnvironment: '<rootDir>/dist/testing/cpu-environment.js',
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/dist/', '<rootDir>/data/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/data/'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        sourceMaps: 'inline',
        module: { type: 'commonjs' },
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      },
    ],
  },
  // TypeScript's node20 resolution writes './keys.js' for what is './keys.ts' here.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  moduleFileExtensions: ['js', 'ts', 'mjs', 'cjs', 'json', 'node'],
  // Every worker may have a Redis and several processes of its own.
  maxWorkers: 2,
  // Only so that a test that hangs ends: no test is about time.
  testTimeout: 240_000,
  watchman: false,
};

export default config;
