import { resolveWhereabouts } from './settings.js';

const before = { ...process.env };
beforeEach(() => {
  process.env.SERVER_URL = 'https://usual.example';
  process.env.FENCEPOST_TOKEN = 't0k3n';
});
afterEach(() => {
  process.env = { ...before };
});

// docs/how-to/deploy-with-docker.md promises this; users of redis-cli and psql know it of their variables.
test.each([
  ['of the environment', undefined, 'https://usual.example/'],
  ['that the line names', ['https://other.example'], 'https://other.example/'],
])('a token of the environment goes to the server %s', (_what, server, url) => {
  expect(resolveWhereabouts({ server }).server).toMatchObject({
    url,
    headers: { authorization: 'Bearer t0k3n' },
  });
});

test('a server that is named with a user of its own is not sent a token as well: that is refused', () => {
  expect(() => resolveWhereabouts({ server: ['https://me:pw@other.example'] })).toThrow(
    'give one of a token, user:password@ in the URL, and a header Authorization',
  );
});
