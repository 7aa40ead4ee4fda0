import { createLogger, type Logger } from './logger.js';
import { BufferedLogOutput } from './buffered-log-output.js';

let writes: string[][];
let output: BufferedLogOutput;
let logger: Logger;
beforeEach(() => {
  writes = [];
  const write = (text: string) => {
    const lines = text.trimEnd().split('\n');
    writes.push(lines.map((line) => (JSON.parse(line) as { msg: string }).msg));
  };
  output = new BufferedLogOutput({ write });
  logger = createLogger({ side: 'server', level: 'info', pretty: false, destination: output });
});

const turn = () => new Promise((over) => setImmediate(over));

test('the lines of one turn are one write, in their order', async () => {
  logger.info('a');
  logger.info('b');
  expect(writes).toEqual([]);
  await turn();
  expect(writes).toEqual([['a', 'b']]);
  logger.info('c');
  await turn();
  expect(writes).toEqual([['a', 'b'], ['c']]);
});

test.each(['warn', 'error', 'fatal'] as const)(
  '%s is written at once, behind what came before it',
  (level) => {
    logger.info('a');
    logger[level]('b');
    expect(writes).toEqual([['a', 'b']]);
  },
);

test('a line is written once, also when a warning came before the turn was over', async () => {
  logger.warn('a');
  logger.info('b');
  await turn();
  await turn();
  expect(writes).toEqual([['a'], ['b']]);
});

test('what is left when the process ends is written then', () => {
  logger.info('a');
  output.flush();
  output.flush();
  expect(writes).toEqual([['a']]);
});
