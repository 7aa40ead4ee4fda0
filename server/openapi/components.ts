import { z } from 'zod';
import {
  registerBodySchema,
  registeredSchema,
  renewBodySchema,
  renewedSchema,
  reportBodySchema,
  nextCommandSchema,
} from '../../shared/protocol/agent-api.js';
import {
  agentViewSchema,
  commandListSchema,
  commandSummarySchema,
  runningAtStartupSchema,
  problemSchema,
  queueViewSchema,
  readinessSchema,
  resyncEventSchema,
  resyncReasons,
  statsSchema,
  transitionEventSchema,
  typeViewSchema,
} from '../../shared/protocol/api.js';
import {
  commandErrorCodeSchema,
  commandErrorSchema,
  commandViewSchema,
  executedSchema,
  historyItemSchema,
  onAgentLostSchema,
  statusSchema,
  submissionSchema,
  waitingReasons,
  waitingReasonSchema,
} from '../../shared/protocol/commands.js';
import {
  cancelledManySchema,
  cancelledSchema,
  retriedManySchema,
  retriedSchema,
} from '../../shared/protocol/control-api.js';
import { commandErrors } from '../../shared/protocol/errors.js';

/** The side of a zod schema: as it is sent to the server, or as the server answers. */
export type Io = 'input' | 'output';

export interface Component {
  readonly name: string;
  readonly schema: z.ZodType;
  readonly io: Io;
}

const answers = {
  Status: statusSchema,
  Executed: executedSchema,
  OnAgentLost: onAgentLostSchema,
  WaitingReason: waitingReasonSchema,
  CommandErrorCode: commandErrorCodeSchema,
  CommandError: commandErrorSchema,
  HistoryItem: historyItemSchema,
  Command: commandViewSchema,
  CommandSummary: commandSummarySchema,
  CommandList: commandListSchema,
  Agent: agentViewSchema,
  Queue: queueViewSchema,
  CommandType: typeViewSchema,
  Stats: statsSchema,
  RunningAtStartup: runningAtStartupSchema,
  Readiness: readinessSchema,
  TransitionEvent: transitionEventSchema,
  ResyncEvent: resyncEventSchema,
  Cancelled: cancelledSchema,
  CancelledMany: cancelledManySchema,
  Retried: retriedSchema,
  RetriedMany: retriedManySchema,
  NextCommand: nextCommandSchema,
  Renewed: renewedSchema,
  Registered: registeredSchema,
  Problem: problemSchema,
};
const bodies = {
  Submission: submissionSchema,
  Report: reportBodySchema,
  Renewal: renewBodySchema,
  Registration: registerBodySchema,
};

/** The schemas that have a name in the document. */
export const components: readonly Component[] = [
  ...Object.entries(answers).map(([name, schema]) => ({ name, schema, io: 'output' as const })),
  ...Object.entries(bodies).map(([name, schema]) => ({ name, schema, io: 'input' as const })),
];

/** Each word of a table with what it means, for people. */
const meanings = (table: Readonly<Record<string, string>>) =>
  Object.entries(table)
    .map(([word, meaning]) => `\`${word}\`: ${meaning}.`)
    .join(' ');

/** Additions from elsewhere: meanings of words, and rules that zod keeps in functions, which cannot be read. */
const more: Readonly<Record<string, object>> = {
  Submission: { not: { required: ['runAt', 'delayMs'] } },
  WaitingReason: { description: meanings(waitingReasons) },
  CommandErrorCode: { description: meanings(commandErrors) },
  ResyncEvent: { description: `The \`reason\` why transitions may be missing. ${meanings(resyncReasons)}` },
};

/** The registry by which zod recognizes a schema wherever it is used in another. */
export const namedSchemas = z.registry<{ id: string }>();
for (const { name, schema } of components) namedSchemas.add(schema, { id: name, ...more[name] });
