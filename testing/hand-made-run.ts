import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { type Progress } from '../shared/protocol/commands.js';
import { group, partitionKeys } from '../shared/store/keys.js';
import { ClientLog } from './client-log.js';
import { judge, type JudgeOptions, type Report } from './invariants.js';
import { Ledger, type LedgerAnswer } from './ledger.js';
import { TestRedis } from './redis-server.js';

export type Write = readonly [name: string, ...args: (string | number)[]];
/** Changes the writes of a step before they are made: how a test plants a fault in it. */
export type Edit = (writes: readonly Write[]) => readonly Write[];

/** Leaves out every write of that name. */
export const without =
  (name: string): Edit =>
  (writes) =>
    writes.filter((write) => write[0] !== name);

/** Adds writes after the others. */
export const also =
  (...more: Write[]): Edit =>
  (writes) => [...writes, ...more];

const keep: Edit = (writes) => writes;
export const keys = partitionKeys();
export const queue = keys.stream('default');

interface Life {
  attempt: number;
  losses: number;
  failures: number;
  marker: string;
  agentId: string;
  entry: string;
  status: string;
  finishedAt: number;
}

interface Telling {
  readonly attempt?: number;
  readonly sequence?: number;
  readonly progress?: Progress;
  readonly edit?: Edit;
}

/**
 * Lives of commands written into a real Redis by hand: each step is what a correct script would write, in
 * one MULTI. No script and no agent takes part, so that the history checker is tested on what it must
 * accept and, with one write changed, on what it must reject.
 */
export class HandMadeRun {
  readonly clients = new ClientLog();
  readonly redis: Redis;
  readonly ledger: Ledger;
  readonly #server: TestRedis;
  readonly #lives = new Map<string, Life>();
  #entries = 0;

  private constructor(server: TestRedis, ledger: Ledger) {
    this.#server = server;
    this.redis = server.client();
    this.ledger = ledger;
  }

  static async start(): Promise<HandMadeRun> {
    const server = await TestRedis.start({ config: { 'aof-disable-auto-gc': 'yes' } });
    const run = new HandMadeRun(server, await Ledger.start());
    await run.redis.xgroup('CREATE', queue, group, '0', 'MKSTREAM');
    return run;
  }

  async stop(): Promise<void> {
    await this.ledger.stop();
    await this.#server.stop();
  }

  /** Redis's append-only directory. */
  get aof(): string {
    return join(this.#server.directory, 'appendonlydir');
  }

  judge(options: Partial<JudgeOptions> = {}): Promise<Report> {
    const { clients, ledger, redis, aof } = this;
    return judge({ clients, ledger, redis, aof, settleMs: 0, ...options });
  }

  life(id: string): Life {
    const life = this.#lives.get(id);
    if (!life) throw new Error(`${id} was not submitted`);
    return life;
  }

  /** Makes writes in one transaction, as a script's are. */
  async write(...writes: readonly Write[]): Promise<void> {
    const transaction = this.redis.multi();
    for (const [name, ...args] of writes) transaction.call(name, ...args);
    for (const [error] of (await transaction.exec()) ?? []) if (error) throw error;
  }

  /** A submission that was answered 202. */
  async submit(id: string, fields: Record<string, string> = {}, edit = keep): Promise<void> {
    this.clients.note('accepted', [id]);
    const life: Life = {
      attempt: 0,
      losses: 0,
      failures: 0,
      marker: '',
      agentId: '',
      entry: '',
      status: '',
      finishedAt: 0,
    };
    this.#lives.set(id, life);
    const now = Date.now();
    const payload = JSON.stringify({ url: this.ledger.url });
    const hash = { type: 'HTTP_GET_JSON', payload, queue: 'default', attempt: 0, createdAt: now, ...fields };
    const writes: Write[] = [
      ['HSET', keys.command(id), ...Object.entries(hash).flat()],
      ['ZADD', keys.index, now, id],
      ...this.#turn(id, 'PENDING'),
      ...this.#enqueue(id),
    ];
    await this.write(...edit(writes));
  }

  /** Delivers whatever is queued to an agent, as XREADGROUP does. */
  async deliver(agentId = 'A'): Promise<void> {
    await this.redis.xreadgroup('GROUP', group, agentId, 'STREAMS', queue, '>');
  }

  async start(
    id: string,
    { agentId = 'A', edit = keep }: { agentId?: string; edit?: Edit } = {},
  ): Promise<void> {
    const life = this.life(id);
    life.attempt++;
    life.agentId = agentId;
    life.marker = `${life.attempt}:${agentId}:${agentId}.1`;
    const writes: Write[] = [
      ['XCLAIM', queue, group, agentId, 0, life.entry, 'JUSTID'],
      ['HINCRBY', keys.command(id), 'attempt', 1],
      ['SET', keys.marker(id), life.marker, 'NX'],
      ['HSET', keys.command(id), 'agentId', agentId, 'startedAt', Date.now()],
      ...this.#turn(id, 'RUNNING'),
    ];
    await this.write(...edit(writes));
  }

  /** Submitted, delivered to agent A and started by it. */
  async started(id: string, fields: Record<string, string> = {}): Promise<void> {
    await this.submit(id, fields);
    await this.deliver();
    await this.start(id);
  }

  /** An agent's handler reaches the outside world. */
  async effect(id: string, attempt = this.life(id).attempt): Promise<LedgerAnswer> {
    const headers = { 'idempotency-key': id, 'fencepost-attempt': String(attempt) };
    const answer = await fetch(this.ledger.url, { headers });
    return (await answer.json()) as LedgerAnswer;
  }

  async complete(id: string, answer: unknown, edit = keep): Promise<void> {
    const result = JSON.stringify({ status: 200, body: answer, truncated: false });
    await this.write(
      ...edit(this.#end(id, 'COMPLETED', ['result', result, 'reported', this.life(id).marker])),
    );
  }

  async fail(id: string, code: string, executed: 'no' | 'unknown' | 'yes', edit = keep): Promise<void> {
    const error = JSON.stringify({ code, message: 'planted' });
    const noted: (string | number)[] = ['error', error, 'executed', executed];
    if (code === 'EXECUTION_FAILED') noted.push('reported', this.life(id).marker);
    if (code === 'AGENT_LOST') noted.push('losses', ++this.life(id).losses);
    if (code === 'CANCELLED') this.#noteCancel(id);
    await this.write(
      ...edit([...this.#end(id, 'FAILED', noted), ['ZADD', keys.failedIndex, Date.now(), id]]),
    );
  }

  /** Ends an attempt, or a delivery that was never started, by putting the command back. */
  async putBack(id: string, why: 'lost' | 'failed' | 'released' | 'unstarted', edit = keep): Promise<void> {
    const life = this.life(id);
    const noted: (string | number)[] = [];
    if (why === 'lost') noted.push('losses', ++life.losses, 'executed', 'unknown');
    if (why === 'failed') noted.push('failures', ++life.failures, 'executed', 'yes', 'reported', life.marker);
    const writes: Write[] = [
      ...this.#dropTicket(id),
      ...(noted.length > 0 ? ([['HSET', keys.command(id), ...noted]] as Write[]) : []),
      ...this.#turn(id, 'PENDING'),
      ...this.#enqueue(id),
    ];
    await this.write(...edit(writes));
  }

  /** Writes the n-th progress of an attempt. */
  async reportProgress(
    id: string,
    { attempt = this.life(id).attempt, sequence = 1, progress = 0.5, edit = keep }: Telling = {},
  ): Promise<void> {
    const told = ['progress', JSON.stringify(progress), 'progressOf', `${attempt}:${sequence}`];
    await this.write(...edit([['HSET', keys.command(id), ...told]]));
  }

  /** Asks the running attempt of a command to stop. */
  async askToStop(id: string): Promise<void> {
    this.#noteCancel(id);
    await this.write(['HSET', keys.command(id), 'cancelRequestedAt', Date.now()]);
  }

  /** An operator's retry. */
  async retry(id: string, edit = keep): Promise<void> {
    this.clients.noteOperation({ action: 'retry', commandId: id, finishedAt: null, outcome: 'done' });
    const writes: Write[] = [
      ['HSET', keys.command(id), 'retried', this.life(id).finishedAt, 'losses', 0],
      ['HDEL', keys.command(id), 'result', 'error', 'cancelRequestedAt'],
      ['ZREM', keys.failedIndex, id],
      ...this.#turn(id, 'PENDING'),
      ...this.#enqueue(id),
    ];
    this.life(id).losses = 0;
    await this.write(...edit(writes));
  }

  /** Retention deletes it, with everything that is its. */
  async prune(id: string, edit = keep): Promise<void> {
    await this.write(
      ...edit([
        ['DEL', keys.command(id), keys.marker(id), keys.history(id)],
        ['ZREM', keys.index, id],
        ['ZREM', keys.failedIndex, id],
        ['HINCRBY', keys.counts, this.life(id).status, -1],
        ['HSET', keys.retention, 'prunedAt', Date.now()],
      ]),
    );
  }

  /** A report that was refused, and kept as evidence. */
  async lateReport(id: string, attempt: number): Promise<void> {
    const item = { attempt, agentId: 'A', session: 'A.1', why: 'late', at: Date.now(), status: 'COMPLETED' };
    await this.write(['LPUSH', keys.history(id), JSON.stringify(item)]);
  }

  /** A whole life without a fault. */
  async live(id: string, fields: Record<string, string> = {}): Promise<void> {
    await this.started(id, fields);
    await this.complete(id, await this.effect(id));
  }

  #noteCancel(id: string): void {
    this.clients.noteOperation({ action: 'cancel', commandId: id, finishedAt: null, outcome: 'requested' });
  }

  #turn(id: string, status: string): Write[] {
    const life = this.life(id);
    const former: Write[] = life.status === '' ? [] : [['HINCRBY', keys.counts, life.status, -1]];
    life.status = status;
    return [['HSET', keys.command(id), 'status', status], ...former, ['HINCRBY', keys.counts, status, 1]];
  }

  #enqueue(id: string): Write[] {
    // Chosen here, because within a MULTI the id that Redis would choose is not yet known.
    const entry = `${Date.now()}-${++this.#entries}`;
    this.life(id).entry = entry;
    return [
      ['XADD', queue, entry, 'id', id],
      ['HSET', keys.command(id), 'entry', entry],
    ];
  }

  #dropTicket(id: string): Write[] {
    const { entry } = this.life(id);
    return [
      ['XACK', queue, group, entry],
      ['XDEL', queue, entry],
      ['DEL', keys.marker(id)],
    ];
  }

  #end(id: string, status: string, noted: readonly (string | number)[]): Write[] {
    const life = this.life(id);
    // Later than any before it, as the lives of a test are shorter than a millisecond.
    life.finishedAt = Math.max(Date.now(), life.finishedAt + 1);
    return [
      ['HSET', keys.command(id), ...noted, 'finishedAt', life.finishedAt],
      ...this.#turn(id, status),
      ...this.#dropTicket(id),
    ];
  }
}
