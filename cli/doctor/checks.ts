import { type Check } from './check.js';
import { agentIdConflicts } from './checks/agent-id-conflicts.js';
import { agents } from './checks/agents.js';
import { appendOnlyFile } from './checks/append-only-file.js';
import { clock } from './checks/clock.js';
import { schemaVersion } from './checks/schema-version.js';
import { malformedEntries } from './checks/malformed-entries.js';
import { eviction } from './checks/eviction.js';
import { fsync } from './checks/fsync.js';
import { staleMarkers } from './checks/stale-markers.js';
import { memory } from './checks/memory.js';
import { pendingEntries } from './checks/pending-entries.js';
import { permissions } from './checks/permissions.js';
import { unservedQueues } from './checks/unserved-queues.js';
import { serverReady } from './checks/server-ready.js';
import { manuallyAckedEntries } from './checks/manually-acked-entries.js';
import { types } from './checks/types.js';
import { orphanedCommands } from './checks/orphaned-commands.js';
import { versions } from './checks/versions.js';
import { redisWritable } from './checks/redis-writable.js';

/** Every check of doctor, in the order of its report: checks that others depend on stand first. */
export const checks: readonly Check[] = [
  permissions,
  appendOnlyFile,
  fsync,
  eviction,
  memory,
  redisWritable,
  schemaVersion,
  clock,
  serverReady,
  versions,
  types,
  agents,
  agentIdConflicts,
  unservedQueues,
  pendingEntries,
  manuallyAckedEntries,
  malformedEntries,
  orphanedCommands,
  staleMarkers,
];
