import { type Check } from './check.js';
import { agentNames } from './checks/agent-names.js';
import { agents } from './checks/agents.js';
import { appendOnlyFile } from './checks/append-only-file.js';
import { clock } from './checks/clock.js';
import { dataVersion } from './checks/data-version.js';
import { deadEntries } from './checks/dead-entries.js';
import { eviction } from './checks/eviction.js';
import { fsync } from './checks/fsync.js';
import { markers } from './checks/markers.js';
import { memory } from './checks/memory.js';
import { pendingEntries } from './checks/pending-entries.js';
import { permissions } from './checks/permissions.js';
import { queues } from './checks/queues.js';
import { serverReady } from './checks/server-ready.js';
import { spentEntries } from './checks/spent-entries.js';
import { types } from './checks/types.js';
import { unnamedCommands } from './checks/unnamed-commands.js';
import { versions } from './checks/versions.js';
import { writes } from './checks/writes.js';

/** Every check of doctor, in the order of its report: checks that others depend on stand first. */
export const checks: readonly Check[] = [
  permissions,
  appendOnlyFile,
  fsync,
  eviction,
  memory,
  writes,
  dataVersion,
  clock,
  serverReady,
  versions,
  types,
  agents,
  agentNames,
  queues,
  pendingEntries,
  spentEntries,
  deadEntries,
  unnamedCommands,
  markers,
];
