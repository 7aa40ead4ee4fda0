import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type StartedCommand } from '../shared/lifecycle/transitions.js';
import { type Moment, now } from '../shared/runtime/clock.js';
import { type Service } from '../shared/runtime/service.js';
import { HeldTableWriter, makeHeldTable } from './held-table.js';
import {
  type FromLeaseRenewer,
  type LeaseRenewerData,
  keyOf,
  type TrackedAttempt,
  type ToLeaseRenewer,
  writeAttempts,
} from './lease-renewer-messages.js';

export interface LeaseRenewerOptions extends Omit<LeaseRenewerData, 'pulse' | 'held' | 'forwardsLog'> {
  /** An attempt is no longer this session's: abort it. */
  readonly onLost: (attempt: { readonly id: string; readonly attempt: number }, why: string) => void;
  /** A client or an operator wants an attempt to stop. */
  readonly onCancelled: (attempt: { readonly id: string; readonly attempt: number }) => void;
  /** An operator wants this session to take no more commands; called again with every heartbeat. */
  readonly onDraining: () => void;
  /** Writes a line of the thread's log, which is JSON; when left out, the thread writes it by itself. */
  readonly onLog?: ((line: string) => void) | undefined;
  /** This process can no longer keep its commands: it must end. */
  readonly onOver: (why: string) => void;
}

/** Places in the memory that both threads see: more than an agent holds at once. Any others are sent as a message. */
const places = 2048;

/** How often the main thread shows that it turns. */
const pulseMs = 50;

/**
 * Keeps what this agent holds: renews leases, renews the registration, and takes part in recovery,
 * all from a thread of its own, so that a command that blocks the event loop does not cost its agent
 * the lease.
 *
 * When the thread dies, the process must end: without renewals, others would execute what it holds.
 */
export class LeaseRenewer implements Service {
  readonly #options: LeaseRenewerOptions;
  readonly #pulse = new BigInt64Array(new SharedArrayBuffer(8));
  #timer: NodeJS.Timeout | undefined;
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  #stopping = false;
  readonly #memory = makeHeldTable(places);
  readonly #table = new HeldTableWriter(this.#memory);
  /** Where in the table each attempt is. */
  readonly #places = new Map<string, number>();
  readonly #held = new Map<Moment, TrackedAttempt[]>();
  #dropped: TrackedAttempt[] = [];
  #flushing: NodeJS.Immediate | undefined;

  constructor(options: LeaseRenewerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#worker) return;
    const { transport, leaseMs, maxBlockMs, graceMs, logger, mayKill, onLog } = this.#options;
    this.#beat();
    this.#timer = setInterval(() => this.#beat(), pulseMs);
    // The pulse shows that this thread turns, and must not be what keeps it turning.
    this.#timer.unref();
    const pulse = this.#pulse.buffer;
    const forwardsLog = onLog !== undefined;
    const more = { logger, forwardsLog, mayKill, pulse, held: this.#memory };
    const workerData: LeaseRenewerData = { transport, leaseMs, maxBlockMs, graceMs, ...more };
    const worker = new Worker(join(__dirname, 'lease-renewer-worker.js'), { workerData });
    this.#worker = worker;
    let failure = 'its thread ended';
    worker.on('error', (error) => (failure = String(error)));
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => {
        resolve();
        if (!this.#stopping) this.#options.onOver(`nothing renews the leases any more: ${failure}`);
      });
    });
    await new Promise<void>((ready) => {
      worker.on('message', (message: FromLeaseRenewer) => {
        if (message.kind === 'ready') ready();
        else this.#hear(message);
      });
      worker.once('exit', () => ready());
    });
  }

  /** Ends the thread; nothing is renewed any more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    this.#say({ kind: 'stop' });
    await this.#exited;
  }

  /** @param renewedAt when the answered call was sent that started this attempt, or renewed it since */
  track(command: StartedCommand, renewedAt: Moment): void {
    this.#forget(command);
    const place = this.#table.put(command, renewedAt);
    if (place !== undefined) {
      this.#places.set(keyOf(command), place);
      return;
    }
    const together = this.#held.get(renewedAt);
    if (together) together.push(command);
    else this.#held.set(renewedAt, [command]);
    this.#tellSoon();
  }

  /** Stops keeping an attempt whose report was answered. */
  drop(command: StartedCommand): void {
    if (this.#forget(command)) return;
    this.#dropped.push(command);
    this.#tellSoon();
  }

  /** @returns whether it was in the table */
  #forget(command: StartedCommand): boolean {
    const key = keyOf(command);
    const place = this.#places.get(key);
    if (place === undefined) return false;
    this.#places.delete(key);
    this.#table.remove(place);
    return true;
  }

  /** Sends one message per event-loop tick for all that is not in the table. */
  #tellSoon(): void {
    this.#flushing ??= setImmediate(() => this.flush());
  }

  /** Sends what is held and not in the table. To be called before a handler begins, which may block this thread. */
  flush(): void {
    if (!this.#flushing) return;
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    const held = Array.from(this.#held, ([renewedAt, attempts]) => ({
      renewedAt,
      attempts: writeAttempts(attempts),
    }));
    this.#say({ kind: 'change', held, dropped: writeAttempts(this.#dropped) });
    this.#held.clear();
    this.#dropped = [];
  }

  #beat(): void {
    Atomics.store(this.#pulse, 0, BigInt(now().monotonicMs));
  }

  #say(message: ToLeaseRenewer): void {
    this.#worker?.postMessage(message);
  }

  #hear(message: Exclude<FromLeaseRenewer, { kind: 'ready' }>): void {
    const { onLost, onCancelled, onDraining, onLog, onOver } = this.#options;
    switch (message.kind) {
      case 'lost':
        return onLost(message, message.why);
      case 'cancelled':
        return onCancelled(message);
      case 'draining':
        return onDraining();
      case 'log':
        return onLog?.(message.line);
      case 'over':
        if (!this.#stopping) onOver(message.why);
    }
  }
}
