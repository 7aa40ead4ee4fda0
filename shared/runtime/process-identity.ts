import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { errorCode } from './error-code.js';

/** Whether a process with this id exists, of any user. A zombie that its parent has not reaped does not count. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
  return processState(pid) !== 'Z';
}

/** Distinguishes a process from a later one that got the same id. */
export interface ProcessIdentity {
  /** With its arguments. */
  readonly command: string;
  /** When it started, in the system's own words: only good to be compared. */
  readonly startedAt: string;
  /** The working directory, where the system exposes it (Linux). */
  readonly cwd: string | undefined;
}

/** Returns the process that has this id now; undefined when there is none, or the system does not expose it. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    return process.platform === 'linux' ? identifyByProc(pid) : identifyByPs(pid);
  } catch {
    return undefined;
  }
}

function identifyByProc(pid: number): ProcessIdentity | undefined {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  // Field 22 of proc(5) stat, counted after the name, which may hold spaces and brackets itself.
  const startedAt = statFields(pid)[19] ?? '';
  return { command, startedAt, cwd: readlinkSync(`/proc/${pid}/cwd`) };
}

function identifyByPs(pid: number): ProcessIdentity | undefined {
  const column = (name: string) =>
    execFileSync('ps', ['-ww', '-o', `${name}=`, '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    }).trim();
  return { command: column('command'), startedAt: column('lstart'), cwd: undefined };
}

function processState(pid: number): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return statFields(pid)[0];
  } catch {
    return undefined;
  }
}

function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
