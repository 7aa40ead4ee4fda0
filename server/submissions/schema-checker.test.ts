import { SchemaChecker } from './schema-checker.js';

const request = {
  schemas: [JSON.stringify({ type: 'string', pattern: '^a+$' })],
  payloads: [{ text: '"a"', schemas: [0] }],
};

test('requests that wait when it is stopped are refused, and begin no thread', async () => {
  const checker = new SchemaChecker();
  const replies = [checker.check(request), checker.check(request), checker.check(request)];
  await checker.stop();
  expect(await Promise.all(replies)).toEqual([{ word: 'busy' }, { word: 'busy' }, { word: 'busy' }]);
  expect(await checker.check(request)).toEqual({ word: 'busy' });
  await checker.stop();
});

test('when no thread can be begun, requests are refused, each at once', async () => {
  // Node refuses such a path before there is a thread, as it refuses one when it has no resources left.
  const checker = new SchemaChecker('neither absolute nor relative');
  const replies = [checker.check(request), checker.check(request)];
  expect(await Promise.all(replies)).toEqual([{ word: 'busy' }, { word: 'busy' }]);
  await checker.stop();
});
