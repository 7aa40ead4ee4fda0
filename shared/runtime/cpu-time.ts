import { readFileSync } from 'node:fs';

/** Linux counts processor time in hundredths of a second for every program that reads it (proc(5)). */
const msPerTick = 10;

/**
 * Processor time in ms, in user and kernel mode, of this process and of all its descendants that have ended and
 * were waited for; of this process alone on a system without /proc.
 */
export function cpuMsWithChildren(): number {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // The program's name stands in brackets and may hold anything; utime, stime, cutime and cstime are fields 14 to 17.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * msPerTick, 0);
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  }
}
