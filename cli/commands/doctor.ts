import { type Command, Option } from 'commander';
import { checks } from '../doctor/checks.js';
import { diagnose } from '../doctor/diagnosis.js';
import { reportText } from '../doctor/report.js';
import { redisUrlSchema } from '../../shared/runtime/settings.js';
import { exitCodes } from './exit-codes.js';
import { harmlessIn } from '../../shared/runtime/harmless.js';
import { resolveWhereabouts } from './settings.js';
import { by } from './values.js';
import { type Terminal } from './terminal.js';
import { examples, type GlobalFlags, withGlobalFlags } from './flags.js';

interface DoctorFlags extends GlobalFlags {
  readonly redis?: string;
}

/** `doctor` finds the problems of a deployment, and shows how to fix them. It needs no server, and writes nothing. */
export function doctorCommand(command: Command, terminal: Terminal): Command {
  return withGlobalFlags(command)
    .description('find problems of this deployment and show how to fix them; changes nothing')
    .addOption(
      new Option('--redis <url>', 'the Redis to check; else REDIS_URL, else that of npm start').argParser(
        by(redisUrlSchema),
      ),
    )
    .addHelpText(
      'after',
      examples(
        ['doctor', 'print each problem, why it matters, and how to fix it'],
        [
          'doctor --json | jq -r ".checks[] | select(.state == \\"fail\\") | .name"',
          'print only the names of failed checks, for scripts',
        ],
      ),
    )
    .addHelpText(
      'after',
      `\nChecks:\n${checks.map(({ name, about }) => `  ${name.padEnd(24)}${about}`).join('\n')}\n`,
    )
    .action(async (flags: DoctorFlags) => {
      const { redisUrl, server } = resolveWhereabouts(flags);
      const diagnosis = await diagnose({
        redisUrl: flags.redis ?? redisUrl,
        serverUrl: server.url.replace(/\/$/, ''),
        serverHeaders: server.headers,
      });
      if (flags.json) terminal.printJson(diagnosis);
      else {
        const report = reportText(harmlessIn(diagnosis), terminal.paint).trimEnd();
        for (const line of report.split('\n')) terminal.print(line);
      }
      terminal.exitCode = diagnosis.ok ? exitCodes.done : exitCodes.failed;
    });
}
