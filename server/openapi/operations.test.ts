import { z } from 'zod';
import { type ProblemCode, problems } from '../../shared/protocol/errors.js';
import { appWithoutRedis } from '../testing/app-without-redis.js';
import { operations } from './operations.js';
import { problemsOf } from './problem-responses.js';

/** The fields of an Express route that this test reads. */
const routeSchema = z.object({ path: z.string(), methods: z.record(z.string(), z.boolean()) });

/** `get /commands/:id` for each handler that the app has, in the order in which it tries them. */
function routesOfApp(): string[] {
  const { stack } = appWithoutRedis().router;
  return stack
    .flatMap(({ route }) => (route ? [routeSchema.parse(route)] : []))
    .flatMap(({ path, methods }) =>
      Object.keys(methods)
        // Handlers of all methods only answer with the methods that a path knows.
        .filter((method) => method !== '_all')
        .map((method) => `${method} ${path}`),
    );
}

test('every route has one operation, and every operation a route', () => {
  const documented = operations.map(({ method, path }) => `${method} ${path}`);
  expect(documented.toSorted()).toEqual(routesOfApp().toSorted());
  expect(routesOfApp().length).toBeGreaterThan(25);
});

test('no two operations share an id', () => {
  const ids = operations.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

test('every problem is one that some operation may answer with, but the one for methods that are none', () => {
  const documented = new Set(operations.flatMap(problemsOf));
  const missing = (Object.keys(problems) as ProblemCode[]).filter((code) => !documented.has(code));
  expect(missing).toEqual(['method_not_allowed']);
});
