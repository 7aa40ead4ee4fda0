import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The processor time in ms that a process has used so far, in user and kernel mode (proc(5)); Linux only. */
export const cpuMs = (pid: number): number => msIn(`/proc/${pid}/stat`);

/** The same of its main thread, and of all its other threads, those that have ended included. */
export function threadCpuMs(pid: number): { readonly main: number; readonly others: number } {
  // In this order: what the main thread uses meanwhile would else be taken from the others.
  const all = cpuMs(pid);
  const main = msIn(`/proc/${pid}/task/${pid}/stat`);
  return { main, others: Math.max(0, all - main) };
}

function msIn(statFile: string): number {
  const stat = readFileSync(statFile, 'utf8');
  // The program's name stands in brackets and may hold anything; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

let ticksPerSecond: number | undefined;
