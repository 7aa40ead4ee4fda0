import { type Command, Option } from 'commander';
import { checks } from '../doctor/checks.js';
import { examine } from '../doctor/examination.js';
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

/** `doctor`: what is wrong with a deployment, and what to do. It needs no server, and writes nothing. */
export function doctorCommand(command: Command, terminal: Terminal): Command {
  return withGlobalFlags(command)
    .description('say what is wrong with this deployment, and what to do about it; changes nothing')
    .addOption(
      new Option('--redis <url>', 'the Redis to look at; else REDIS_URL, else that of npm start').argParser(
        by(redisUrlSchema),
      ),
    )
    .addHelpText(
      'after',
      examples(
        ['doctor', 'what is wrong, why it matters, what to type'],
        [
          'doctor --json | jq -r ".checks[] | select(.state == \\"ill\\") | .name"',
          'for scripts: only the names of what is wrong',
        ],
      ),
    )
    .addHelpText(
      'after',
      `\nIt looks at:\n${checks.map(({ name, about }) => `  ${name.padEnd(18)}${about}`).join('\n')}\n`,
    )
    .action(async (flags: DoctorFlags) => {
      const { redisUrl, server } = resolveWhereabouts(flags);
      const examination = await examine({
        redisUrl: flags.redis ?? redisUrl,
        serverUrl: server.url.replace(/\/$/, ''),
        serverHeaders: server.headers,
      });
      if (flags.json) terminal.printJson(examination);
      else {
        const report = reportText(harmlessIn(examination), terminal.paint).trimEnd();
        for (const line of report.split('\n')) terminal.print(line);
      }
      terminal.exitCode = examination.ok ? exitCodes.done : exitCodes.failed;
    });
}
