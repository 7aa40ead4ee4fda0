import { type Registered } from './agent-sessions.js';
import { type LongPoll } from './long-poll.js';

export interface RegisteredPoll {
  readonly poll: LongPoll;
  readonly registered: Registered;
}
