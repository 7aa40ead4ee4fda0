import { RequestRejectedError } from '../../shared/client/errors.js';
import { problemSchema } from '../../shared/protocol/api.js';
import { problemErrors } from '../../shared/protocol/bounds.js';
import { type ProblemCode } from '../../shared/protocol/errors.js';
import { type FieldFault, invalid, Problem } from '../../server/http/problem.js';
import { UsageError } from './exit-codes.js';
import { faultOf } from './faults.js';
import { lineOfFile } from './submit-file.js';

/** Builds the error as the client does from the answer of a server. */
function refusedBy(problem: Problem): RequestRejectedError {
  const body = problemSchema.parse(problem.toBody());
  return new RequestRejectedError(body.detail, { status: problem.status, problem: body });
}

const faults = (count: number): FieldFault[] =>
  Array.from({ length: count }, (_, i) => ({ field: `payload.f${i}`, message: 'is required' }));

test.each<[what: string, problem: Problem, lines: readonly string[]]>([
  ['one fault', invalid(faults(1)), ['payload.f0 is required']],
  [
    'several',
    invalid(faults(3)),
    ['payload.f0 is required', 'payload.f1 is required', 'payload.f2 is required'],
  ],
  ['none that is of a field', new Problem('invalid_request', 'send JSON'), ['send JSON']],
  [
    'one that its detail says better',
    new Problem('costly_payload', 'payload: took too long. Send a smaller one', {
      errors: [{ field: 'payload', message: 'could not be checked' }],
    }),
    ['payload: took too long. Send a smaller one'],
  ],
])(
  'what a server refuses is listed whole, a line each, and names no field of JSON: %s',
  (_what, problem, lines) => {
    expect(faultOf(refusedBy(problem))).toEqual({ exitCode: 2, lines });
  },
);

test('where a server has given up the search for more faults, that is said', () => {
  const { lines = [] } = faultOf(refusedBy(invalid(faults(problemErrors + 1)))) ?? {};
  expect(lines).toHaveLength(problemErrors + 1);
  expect(lines.at(-1)).toBe('these are the first 20 errors: fix them, and the server checks for more');
  expect(lines.join('\n')).not.toContain('see errors');
});

test('every code of 400 is about what was typed, and ends with 2; what cannot be done now ends with 1', () => {
  const codeOf = (code: ProblemCode) => faultOf(refusedBy(new Problem(code, 'no')))?.exitCode;
  expect((['invalid_request', 'unknown_type', 'body_too_large'] as const).map(codeOf)).toEqual([2, 2, 2]);
  expect((['not_found', 'conflict'] as const).map(codeOf)).toEqual([1, 1]);
});

test('all that is wrong with a line is said', () => {
  expect(faultOf(new UsageError('a is wrong', ['b is, too']))).toEqual({
    exitCode: 2,
    lines: ['a is wrong', 'b is, too'],
  });
});

test('a fault of a batch is of a line of its file', () => {
  const lineOf = (i: number) => [7, 9][i];
  expect(lineOfFile('commands[1].payload.ms must be a number', lineOf)).toBe(
    'line 9: payload.ms must be a number',
  );
  expect(lineOfFile('commands[0] must be a JSON object', lineOf)).toBe('line 7: must be a JSON object');
  expect(lineOfFile('commands must have at most 1000 items', lineOf)).toBe(
    'commands must have at most 1000 items',
  );
});
