import { Problem } from '../http/problem.js';
import { SchemaChecker } from './schema-checker.js';
import { parseSubmission } from '../commands/submission-parser.js';
import { TypeCatalog } from './type-catalog.js';

const request = {
  schemas: [JSON.stringify({ type: 'string', pattern: '^a+$' })],
  payloads: [{ text: '"a"', schemas: [0] }],
};

/** Node refuses such a path before there is a thread, as it refuses one when it has no resources left. */
const noThread = 'neither absolute nor relative';
/** By a schema that looks at each part twice, and so is applied in the thread. */
const costly = { anyOf: [{ items: { $ref: '#' } }, { items: { $ref: '#' } }], type: 'array' };

function stopped(checker: SchemaChecker): SchemaChecker {
  void checker.stop();
  return checker;
}

test('requests that wait when it is stopped are refused, and begin no thread', async () => {
  const checker = new SchemaChecker();
  const replies = [checker.check(request), checker.check(request), checker.check(request)];
  await checker.stop();
  expect(await Promise.all(replies)).toEqual([{ word: 'busy' }, { word: 'busy' }, { word: 'busy' }]);
  expect(await checker.check(request)).toEqual({ word: 'busy' });
  await checker.stop();
});

test('when no thread can be begun, requests are refused, each at once and with the reason', async () => {
  const checker = new SchemaChecker(noThread);
  const replies = [checker.check(request), checker.check(request)];
  const refused = { word: 'no-thread', why: expect.stringContaining('must be an absolute path') as string };
  expect(await Promise.all(replies)).toEqual([refused, refused]);
  await checker.stop();
});

test.each([
  [
    'no thread can be begun',
    (checker: SchemaChecker) => checker,
    /cannot begin the thread .*another server$/,
  ],
  ['the server stops', stopped, /^too many payloads wait .*Send it again later$/],
])(
  'a submission that cannot be checked because %s is answered 503, with advice',
  async (_what, as, detail) => {
    const announced = { payload: costly, result: {}, onAgentLost: 'fail', announcedAt: 1_700_000_000_000 };
    const catalog = new TypeCatalog(() =>
      Promise.resolve({
        nowMs: 1_700_000_000_000,
        texts: { DEAR: JSON.stringify(announced) },
        agents: new Map(),
      }),
    );
    const body = { type: 'DEAR', payload: [] };
    const refusal = await parseSubmission(body, { catalog, checker: as(new SchemaChecker(noThread)) }).catch(
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(Problem);
    expect(refusal).toMatchObject({ code: 'busy', status: 503, headers: { 'Retry-After': '5' } });
    expect(refusal).toHaveProperty('message', expect.stringMatching(detail));
    expect(refusal).toHaveProperty('message', expect.stringContaining('nothing was stored'));
  },
);
