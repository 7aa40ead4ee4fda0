import { Mutex } from './mutex.js';

it('lets one through at a time, in the order in which they came', async () => {
  const mutex = new Mutex();
  const order: string[] = [];
  const pass = async (name: string) => {
    const free = await mutex.enter();
    order.push(`${name} in`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`${name} out`);
    free();
    free();
  };
  await Promise.all(['a', 'b', 'c'].map(pass));
  expect(order).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
});
