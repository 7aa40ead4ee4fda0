import { type Registered } from './agent-sessions.js';
import { type WaitingPoll } from './long-poll.js';

export interface RegisteredPoll {
  readonly poll: WaitingPoll;
  readonly registered: Registered;
}
