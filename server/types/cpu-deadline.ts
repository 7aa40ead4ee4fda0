import { Script } from 'node:vm';

/** Longest that work under a deadline may take when its thread is hardly ever given a processor. */
const longestWallMs = 3000;

const script = new Script('globalThis[Symbol.for("fencepost.work")]()');
const place = Symbol.for('fencepost.work');

/** CPU ms of this thread, or, before Node 24, of this process, which is more. */
function cpuMs(): number {
  const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage };
  const { user, system } = threadCpuUsage?.call(process) ?? process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Runs work that may take for ever, and ends it when it has used `limitMs` of CPU. The work must be safe to begin
 * again: V8 can only limit elapsed time, in which little may have been done on a busy machine.
 *
 * @returns what the work returned, or undefined when it was ended
 */
export function withinCpu<T extends object>(limitMs: number, work: () => T): T | undefined {
  const startedAt = performance.now();
  const usedBefore = cpuMs();
  for (;;) {
    const left = limitMs - (cpuMs() - usedBefore);
    if (left < 1 || performance.now() - startedAt > longestWallMs) return undefined;
    Reflect.set(globalThis, place, work);
    try {
      return script.runInThisContext({ timeout: Math.ceil(left) }) as T;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    }
  }
}
