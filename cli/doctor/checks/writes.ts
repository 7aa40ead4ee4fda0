import { type Redis } from 'ioredis';
import { type Check, type Finding, ill, well } from '../check.js';

/** Redis takes writes, and its file can be written. */
export const writes: Check = {
  name: 'writes',
  about: 'Redis takes writes: it is a primary, has loaded its data, and can write its file',
  needs: ['redis'],
  async look(patient) {
    const info = await patient.info();
    const findings: Finding[] = [];
    const role = info.get('role') ?? 'master';
    if (role !== 'master') {
      findings.push({
        what: `this Redis is a ${role} of ${info.get('master_host') ?? 'another one'}:${info.get('master_port') ?? ''}`,
        why: 'it takes no writes: every submission, start and report is refused',
        // Not as a line to type: with the other one alive there would be two primaries.
        mend: 'name the primary in REDIS_URL; only if that is gone for good, make this one the primary with REPLICAOF NO ONE',
        commands: [`${patient.redisCli} ROLE`],
      });
    }
    if (info.get('loading') === '1') {
      findings.push({
        what: `Redis is loading its data: ${info.get('loading_loaded_perc') ?? '?'} %`,
        why: 'it answers nothing until it has',
        mend: `wait about ${info.get('loading_eta_seconds') ?? '?'} s and look again`,
        commands: ['npx fencepost doctor'],
      });
    }
    if (info.get('rdb_last_bgsave_status') === 'err' && (await isRefusing(patient.redis))) {
      findings.push({
        what: 'the last snapshot failed, and stop-writes-on-bgsave-error is yes: writes are refused',
        why: 'every submission, start and report is refused until a snapshot succeeds',
        mend: "make room in Redis's directory, which must be writable, and have a snapshot taken; with an append-only file snapshots are not needed at all",
        commands: [
          `${patient.redisCli} CONFIG GET dir`,
          `${patient.redisCli} BGSAVE`,
          `${patient.redisCli} CONFIG SET save ''`,
        ],
      });
    }
    if (info.get('aof_enabled') === '1' && info.get('aof_last_write_status') === 'err') {
      findings.push({
        what: 'the last write to the append-only file failed',
        why: 'Redis refuses every write until the file can be written again',
        mend: "make room on the disk of Redis's directory; it goes on by itself",
        commands: [`${patient.redisCli} CONFIG GET dir`, 'df -h'],
      });
    }
    if (info.get('aof_last_bgrewrite_status') === 'err') {
      findings.push({
        what: 'the last rewrite of the append-only file failed',
        why: 'nothing is lost, but the file grows without end, and a restart takes longer each time',
        mend: "look into Redis's log; it needs room on the disk for a second file, and memory for a fork. Then rewrite it",
        commands: ['df -h', `${patient.redisCli} BGREWRITEAOF`],
      });
    }
    return findings.length === 0 ? well('taken') : ill('in trouble', ...findings);
  },
};

/** Whether Redis refuses writes: it then refuses a PING too. */
const isRefusing = (redis: Redis) =>
  redis.ping().then(
    () => false,
    (error: unknown) => error instanceof Error && error.message.startsWith('MISCONF'),
  );
