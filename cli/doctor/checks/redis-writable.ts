import { type Redis } from 'ioredis';
import { type Check, type Finding, fail, pass } from '../check.js';
import { type Snapshot } from '../snapshot.js';

/** Redis takes writes, and its file can be written. */
export const redisWritable: Check = {
  name: 'redis-writable',
  about: 'Redis accepts writes: it is a primary, has loaded its data, and can write its file',
  needs: ['redis'],
  async run(snapshot) {
    const info = await snapshot.info();
    const findings: Finding[] = [];
    const role = info.get('role') ?? 'master';
    if (role !== 'master') {
      findings.push({
        problem: `this Redis is a ${role} of ${info.get('master_host') ?? 'another one'}:${info.get('master_port') ?? ''}`,
        impact: 'it accepts no writes: every submission, start and report is refused',
        // Not as a line to type: with the other one alive there would be two primaries.
        fix: 'name the primary in REDIS_URL; only if that is gone for good, make this one the primary with REPLICAOF NO ONE',
        commands: [`${snapshot.redisCli} ROLE`],
      });
    }
    if (info.get('loading') === '1') {
      findings.push({
        problem: `Redis is loading its data: ${info.get('loading_loaded_perc') ?? '?'} %`,
        impact: 'it serves no requests until its data is loaded',
        fix: `wait about ${info.get('loading_eta_seconds') ?? '?'} s and run doctor again`,
        commands: ['npx fencepost doctor'],
      });
    }
    if (info.get('rdb_last_bgsave_status') === 'err' && (await isRefusing(snapshot.redis))) {
      findings.push({
        problem: 'the last snapshot failed, and stop-writes-on-bgsave-error is yes: writes are refused',
        impact: 'every submission, start and report is refused until a snapshot succeeds',
        fix: "free space in Redis's directory, which must be writable, and take a snapshot; with an append-only file snapshots are not needed at all",
        commands: [
          `${snapshot.redisCli} CONFIG GET dir`,
          `${snapshot.redisCli} BGSAVE`,
          `${snapshot.redisCli} CONFIG SET save ''`,
        ],
      });
    }
    findings.push(...appendOnlyFindings(info, snapshot));
    return findings.length === 0 ? pass('writable') : fail('not healthy', ...findings);
  },
};

function appendOnlyFindings(info: ReadonlyMap<string, string>, { redisCli }: Snapshot): Finding[] {
  const findings: Finding[] = [];
  if (info.get('aof_enabled') === '1' && info.get('aof_last_write_status') === 'err') {
    findings.push({
      problem: 'the last write to the append-only file failed',
      impact: 'Redis refuses every write until the file can be written again',
      fix: "free space on the disk of Redis's directory; Redis then resumes by itself",
      commands: [`${redisCli} CONFIG GET dir`, 'df -h'],
    });
  }
  if (info.get('aof_last_bgrewrite_status') === 'err') {
    findings.push({
      problem: 'the last rewrite of the append-only file failed',
      impact: 'nothing is lost, but the file grows without end, and a restart takes longer each time',
      fix: "check Redis's log; a rewrite needs disk space for a second file, and memory for a fork. Then repeat it",
      commands: ['df -h', `${redisCli} BGREWRITEAOF`],
    });
  }
  return findings;
}

/** Whether Redis refuses writes: it then refuses a PING too. */
const isRefusing = (redis: Redis) =>
  redis.ping().then(
    () => false,
    (error: unknown) => error instanceof Error && error.message.startsWith('MISCONF'),
  );
