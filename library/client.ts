/** The exports of `fencepost/client`. */
export {
  type CallOptions,
  type CancelSummary,
  type CancelFilter,
  type Client,
  type ClientOptions,
  type Command,
  createClient,
  type ListedCommand,
  type ListFilter,
  type ManyOptions,
  type RetrySummary,
  type RetryFilter,
  type Submission,
  type SubmitOptions,
} from '../shared/client/client.js';
export {
  ResponseLostError,
  UnexpectedResponseError,
  ClientClosedError,
  ClientError,
  RequestRejectedError,
  ServerUnavailableError,
  WaitTimeoutError,
} from '../shared/client/errors.js';
export { type ClientEvent, type EventsOptions } from '../shared/client/events.js';
export { type WaitOptions } from '../shared/client/waiting.js';
export {
  type AgentView,
  type ProblemBody,
  type QueueView,
  type Stats,
  type TypeView,
} from '../shared/protocol/api.js';
export { type CommandError, type HistoryItem, type Json, type Status } from '../shared/protocol/commands.js';
export { type CommandErrorCode, type ProblemCode } from '../shared/protocol/errors.js';
