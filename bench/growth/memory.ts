import { type Redis } from 'ioredis';

/** The bytes that a Redis's data takes: what it uses, less what its connections and its file's buffer do. */
export async function dataBytes(redis: Redis): Promise<number> {
  const info = await redis.info('memory');
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
  const bytes = field('used_memory') - field('mem_clients_normal') - field('mem_aof_buffer');
  if (Number.isNaN(bytes)) throw new Error(`INFO memory lacks a field:\n${info}`);
  return bytes;
}
