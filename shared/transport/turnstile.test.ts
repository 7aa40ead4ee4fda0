import { Turnstile } from './turnstile.js';

it('lets one through at a time, in the order in which they came', async () => {
  const turnstile = new Turnstile();
  const order: string[] = [];
  const pass = async (name: string) => {
    const free = await turnstile.enter();
    order.push(`${name} in`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`${name} out`);
    free();
    free();
  };
  await Promise.all(['a', 'b', 'c'].map(pass));
  expect(order).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
});
