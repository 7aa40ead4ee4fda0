import { type z } from 'zod';
import { type Examples } from './operation.js';

/** One example needs no name. */
export const example = (value: unknown): Examples => ({ example: { value } });

/** What a nullable field that is left out stands for: most fields of most answers are null. */
export function withNulls<Schema extends z.ZodObject>(
  schema: Schema,
  value: Readonly<Partial<z.input<Schema>>>,
): Readonly<Record<string, unknown>> {
  const fields: Record<string, z.core.$ZodType> = schema.shape;
  const nulls = Object.entries(fields).filter(
    ([, field]) => 'safeParse' in field && isNullable(field as z.ZodType),
  );
  return { ...Object.fromEntries(nulls.map(([name]) => [name, null])), ...value };
}

const isNullable = (field: z.ZodType) => field.safeParse(null).success;
