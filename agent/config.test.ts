import { loadConfig } from '../shared/runtime/config.js';
import { agentSettings } from './config.js';

const load = (queues?: string) =>
  loadConfig('npm run agent --', agentSettings, {
    argv: [],
    dotenv: '/nowhere',
    env: queues === undefined ? {} : { AGENT_QUEUES: queues },
  }).queues;

test.each([
  [undefined, { queues: ['default'] }],
  ['urgent, bulk,', { queues: ['urgent', 'bulk'] }],
  ['urgent:6, bulk : 3', { queues: ['urgent', 'bulk'], weights: [6, 3] }],
])('AGENT_QUEUES=%s', (text, served) => {
  expect(load(text)).toEqual(served);
});

test.each([
  ['a:0', 'AGENT_QUEUES: the weight of a must be a whole number from 1 to 1000, but is "a:0"'],
  ['a:x', 'AGENT_QUEUES: the weight of a must be a whole number from 1 to 1000, but is "a:x"'],
  [
    'a:6,b',
    'AGENT_QUEUES: gives a weight to some queues and none to b: give one to each, or to none, but is "a:6,b"',
  ],
  ['a:6,a:3', 'AGENT_QUEUES: names a queue twice, but is "a:6,a:3"'],
  [',', 'AGENT_QUEUES: names no queue, but is ","'],
])('AGENT_QUEUES=%s stops the start, and says why', (text, fault) => {
  expect(() => load(text)).toThrow(fault);
});
