import { closeSync, openSync } from 'node:fs';
import { fateOf, submit, undisturbed } from './fate.js';
import { onTrial } from './trial.js';

/** The disk that logs are written to is full: what they are about goes on. */

it('a server and an agent whose log disk is full do their work, and the server counts what is missing', () =>
  onTrial({ servers: 0 }, async (trial) => {
    const { deployment } = trial;
    const stdout = openSync('/dev/full', 'w');
    try {
      const { url, process: server } = await deployment.startServer({ stdout });
      const agent = await deployment.startAgent({ stdout });
      expect(await fateOf(trial, await submit(trial))).toEqual(undisturbed);
      const metrics = await (await fetch(new URL('/metrics', url))).text();
      expect(Number(/^fencepost_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
      for (const process of [agent, server]) {
        process.kill('SIGTERM');
        expect(await process.exited).toEqual({ code: 0, signal: null });
      }
    } finally {
      closeSync(stdout);
    }
  }));
