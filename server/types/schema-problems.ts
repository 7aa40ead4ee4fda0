import { Problem } from '../http/problem.js';
import { checkMs, compileMs } from './schema-protocol.js';

/** Returns the message for a `type` whose schema cannot be used. @param fault why not */
export const unusableType = (fault: string): string =>
  `has a schema that cannot be used, so no payload can be checked: ${fault}`;

/** Schemas are made ready for use once, a few in each request. */
export function stillLearning(): Problem {
  const detail =
    'the schemas of some of these command types are not ready for use yet, after this server was started or they were announced; nothing was stored. Send it again';
  return new Problem('busy', detail, { headers: { 'Retry-After': '1' } });
}

export function tooBusyToCheck(): Problem {
  const detail = 'too many payloads wait to be checked; nothing was stored. Send it again later';
  return new Problem('busy', detail, { headers: { 'Retry-After': '5' } });
}

/** @param why as Node has it */
export function noThreadToCheck(why: string): Problem {
  const detail = `this server cannot begin the thread that checks payloads of this type (${why}); nothing was stored. Send it again later, or to another server`;
  return new Problem('busy', detail, { headers: { 'Retry-After': '5' } });
}

/** @param what was ended: it names no value, which may be a secret */
export function costlyPayload(field: string, what: 'compile' | 'check'): Problem {
  const why =
    what === 'check'
      ? `checking it by the schema that was announced for its type took more than ${checkMs} ms of CPU and was ended`
      : `making the schema that was announced for its type ready for use took more than ${compileMs} ms of CPU and was ended`;
  const advice =
    what === 'check' ? 'Send a smaller payload, or fewer at once' : 'Its agents must announce a simpler one';
  return new Problem('costly_payload', `${field}: ${why}. ${advice}`, {
    errors: [{ field, message: `could not be checked: ${why}` }],
  });
}
