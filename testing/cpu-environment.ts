import { appendFileSync } from 'node:fs';
import { TestEnvironment } from 'jest-environment-node';
import { cpuMsWithChildren } from '../shared/runtime/cpu-time.js';

/** The cost of one test file: a line of the file that `TEST_COSTS` names, as JSON. */
export interface TestCost {
  /** The test file, as an absolute path. */
  readonly path: string;
  /** Processor time in user and kernel mode, of Jest's worker and of every process that the tests started and that has ended. */
  readonly cpuMs: number;
  readonly wallMs: number;
}

/**
 * Jest's environment for Node, which also notes what each test file cost: `npm test` names the most
 * expensive ones at its end. It writes nothing unless the variable `TEST_COSTS` names a file.
 */
export default class CpuEnvironment extends TestEnvironment {
  readonly #path: string;
  readonly #cpuMsBefore = cpuMsWithChildren();
  readonly #startedAt = performance.now();

  constructor(...args: ConstructorParameters<typeof TestEnvironment>) {
    super(...args);
    this.#path = args[1].testPath;
  }

  override async teardown(): Promise<void> {
    await super.teardown();
    const costs = process.env['TEST_COSTS'];
    if (costs === undefined) return;
    const cost: TestCost = {
      path: this.#path,
      cpuMs: Math.round(cpuMsWithChildren() - this.#cpuMsBefore),
      wallMs: Math.round(performance.now() - this.#startedAt),
    };
    // One short write with O_APPEND: workers do not tear each other's lines.
    appendFileSync(costs, `${JSON.stringify(cost)}\n`);
  }
}
