import { parseSubmission } from '../commands/submission-parser.js';
import { TypeCatalog } from './type-catalog.js';
import { isWarm } from './compiled-type.js';

const payload = { type: 'object', properties: { to: { type: 'integer', minimum: 1 } } };
const announced = JSON.stringify({
  payload,
  result: {},
  onAgentLost: 'fail',
  announcedAt: 1_700_000_000_000,
});

let wasWarm: boolean[];
beforeEach(() => {
  wasWarm = [];
  // Called first when the CPU of a request begins to count.
  jest.spyOn(process, 'cpuUsage').mockImplementation(() => {
    wasWarm.push(isWarm());
    return { user: 0, system: 0 };
  });
});
afterEach(() => jest.restoreAllMocks());

/** A checker that is never called: these schemas are light. */
const checker = { check: () => Promise.reject(new Error('it was asked')) };

function catalog() {
  const texts = { COUNT: announced };
  return new TypeCatalog(() => Promise.resolve({ nowMs: 1_700_000_000_000, texts, agents: new Map() }));
}

// In this order: a process is cold once.
test('a server makes nothing ready for built-in types', async () => {
  await parseSubmission({ type: 'DELAY', payload: { ms: 1 } }, { catalog: catalog(), checker });
  expect(isWarm()).toBe(false);
});

test('what every announced schema needs counts for no request, so that the first one is accepted', async () => {
  const checked = await parseSubmission(
    { type: 'COUNT', payload: { to: 1 } },
    { catalog: catalog(), checker },
  );
  expect(checked.submission).toMatchObject({ type: 'COUNT' });
  expect(isWarm()).toBe(true);
  expect(wasWarm).not.toContain(false);
});
