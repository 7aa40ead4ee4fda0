import { faultOf } from './faults.js';
import { createProgram } from './program.js';
import { type Terminal } from './terminal.js';

/**
 * Carries out one line, and prints on the terminal what went wrong, if anything did.
 *
 * @param argv the arguments after the program's name
 * @param interruption the exit code of the signal that has arrived, if one has: what fails after it failed because of it
 * @returns the exit code
 * @throws what is a bug of the program, and no fault of the line or of the deployment
 */
export async function runProgram(
  argv: readonly string[],
  terminal: Terminal,
  interruption: () => number | undefined = () => undefined,
): Promise<number> {
  try {
    await createProgram(terminal).parseAsync([...argv], { from: 'user' });
    return terminal.exitCode;
  } catch (error) {
    const interrupted = interruption();
    if (interrupted !== undefined) return interrupted;
    const fault = faultOf(error);
    if (!fault) throw error;
    for (const line of fault.lines) terminal.say(line);
    return fault.exitCode;
  }
}
