import { addressesOf } from './credentials.js';

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

test('credentials of a URL are for that server, and are not in what is shown of it', () => {
  expect(addressesOf(['http://me:p%40ss%2C%C3%BC@a:1/below', 'http://b'])).toEqual([
    { url: 'http://a:1/below/', headers: basic('me:p@ss,ü') },
    { url: 'http://b/', headers: {} },
  ]);
});

test('a token and headers are for every server', () => {
  const headers = { 'CF-Access-Client-Id': 'me' };
  const both = { ...headers, authorization: 'Bearer t0ken' };
  expect(addressesOf(['http://a', 'http://b'], { token: 't0ken', headers })).toEqual([
    { url: 'http://a/', headers: both },
    { url: 'http://b/', headers: both },
  ]);
});

const secret = 's3cret';
test.each([
  ['a token with a space', ['http://a'], { token: `${secret} x` }, 'token: must be visible ASCII'],
  ['an empty token', ['http://a'], { token: '' }, 'token: must be visible ASCII'],
  ['a line feed in a header', ['http://a'], { headers: { X: `${secret}\nY: z` } }, 'the value of X holds'],
  ['a header that is none', ['http://a'], { headers: { 'X Y': secret } }, '"X Y" is no name of a header'],
  [
    'a header of the API',
    ['http://a'],
    { headers: { 'Idempotency-Key': secret } },
    'is set by Fencepost itself',
  ],
  [
    'a header of the connection',
    ['http://a'],
    { headers: { Host: secret } },
    'Host is set by Fencepost itself',
  ],
  ['two kinds of credentials', [`http://u:${secret}@a`], { token: secret }, 'give one of'],
  ['two others', ['http://a'], { token: secret, headers: { Authorization: secret } }, 'give one of'],
  ['a stray %', [`http://u:${secret}%zz@a`], {}, 'url: must be http://host:port'],
  ['another protocol', [`redis://u:${secret}@a`], {}, 'url: must be http://host:port'],
  ['a query', [`http://u:${secret}@a/?x`], {}, 'url: must be http://host:port'],
  ['no server', [], {}, 'url: names no server'],
])('%s is refused by its name, without the secret', (_, urls, credentials, message) => {
  const make = () => addressesOf(urls, credentials);
  expect(make).toThrow(message);
  expect(make).not.toThrow(secret);
});
