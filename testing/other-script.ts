import { type Command, type Redis } from 'ioredis';
import { shaOf, type ScriptName } from '../shared/lifecycle/scripts.js';

/** A connection that sends another text wherever a script is called. */
export interface OtherScript {
  readonly redis: Redis;
  /** How many calls were changed: with none, a test compares a script with itself. */
  readonly calls: () => number;
}

/** @param text what is sent instead of the script of that name */
export function withOtherScript(redis: Redis, name: ScriptName, text: string): OtherScript {
  const own = `$7\r\nevalsha\r\n$40\r\n${shaOf(name)}\r\n`;
  const other = `$4\r\neval\r\n$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  let calls = 0;
  const send = (command: Command) => {
    const sent = command.toWritable({});
    if (typeof sent === 'string' && sent.includes(own)) {
      calls++;
      command.toWritable = () => sent.replace(own, () => other);
    }
    return redis.sendCommand(command);
  };
  const changed = new Proxy(redis, {
    get: (target, property): unknown =>
      property === 'sendCommand' ? send : Reflect.get(target, property, target),
  });
  return { redis: changed, calls: () => calls };
}
