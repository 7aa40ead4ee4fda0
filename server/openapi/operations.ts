import { type Operation } from './operation.js';
import { aboutOperations } from './operations/about.js';
import { agentOperations } from './operations/agents.js';
import { commandOperations } from './operations/commands.js';
import { controlOperations } from './operations/control.js';
import { deploymentOperations } from './operations/deployment.js';
import { liveOperations } from './operations/live.js';

/** Every endpoint of the app, in the order of the document. `operations.test.ts` fails when a route has none. */
export const operations: readonly Operation[] = [
  ...commandOperations,
  ...controlOperations,
  ...deploymentOperations,
  ...agentOperations,
  ...aboutOperations,
  ...liveOperations,
];
