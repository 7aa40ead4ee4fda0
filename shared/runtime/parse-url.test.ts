import { parseUrl } from './parse-url.js';

test.each([
  ['http://b\u00fccher.example/\u00fc', 'http://xn--bcher-kva.example/%C3%BC'],
  ['HTTP://HOST:80/a?b#c', 'http://host/a?b#c'],
])('parses %s', (text, href) => {
  expect(parseUrl(text)?.href).toBe(href);
});

test.each(['', 'host', 'http://', 'http://a b/', 'http://[::1/'])('%j is no URL', (text) => {
  expect(parseUrl(text)).toBeUndefined();
});

test('parses a reference against a base', () => {
  expect(parseUrl('../c', new URL('http://host/a/b/'))?.href).toBe('http://host/a/c');
});

// URL.canParse answered differently from about the 2,500th call on, when V8 had compiled its caller.
test('a URL with an umlaut is one however often URLs were parsed before', () => {
  const refused: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    if (!parseUrl(`http://host/${i % 10}`) || !parseUrl('http://b\u00fccher.example/')) refused.push(i);
  }
  expect(refused).toEqual([]);
});
