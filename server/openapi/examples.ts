import { z } from 'zod';
import { type Examples } from './operation.js';

/** One example needs no name. */
export const example = (value: unknown): Examples => ({ example: { value } });

/** Sets the nullable fields that are left out to null, since most fields of most answers are null. */
export function withNulls<Schema extends z.ZodObject>(
  schema: Schema,
  value: Readonly<Partial<z.input<Schema>>>,
): Readonly<Record<string, unknown>> {
  const nulls = Object.entries<z.core.$ZodType>(schema.shape).filter(
    ([, field]) => z.safeParse(field, null).success,
  );
  return { ...Object.fromEntries(nulls.map(([name]) => [name, null])), ...value };
}
