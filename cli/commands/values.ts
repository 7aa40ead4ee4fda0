import { InvalidArgumentError } from 'commander';
import { z } from 'zod';

/**
 * Parses values of flags and arguments. Commander names the flag of a bad value; these messages state what it must be.
 */
export function by<T>(schema: z.ZodType<T, string>): (text: string) => T {
  return (text) => {
    const parsed = schema.safeParse(text);
    if (parsed.success) return parsed.data;
    const message = parsed.error.issues[0]?.message ?? 'is not valid';
    // Messages about names need no `It`: `a queue name is 1 to …`.
    throw new InvalidArgumentError(/^(must|is) /.test(message) ? `It ${message}.` : `${message}.`);
  };
}

const durationRule = 'must be a time such as 500ms, 30s, 5m, 2h or 1d; a number alone counts as seconds';
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1.5s` as milliseconds. */
export const durationSchema = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)?$/, { error: durationRule })
  .transform((text) =>
    Math.round(Number.parseFloat(text) * (unitMs[/[a-z]+$/.exec(text)?.[0] ?? 's'] ?? 1000)),
  );

/** 90,000 ms as `90s`. */
export function durationText(ms: number): string {
  const [unit, size] = Object.entries(unitMs)
    .reverse()
    .find(([, unitSize]) => ms >= unitSize && ms % unitSize === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

const countRule = (min: number, max: number) => `must be a whole number from ${min} to ${max}`;

export const countSchema = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, { error: countRule(min, max) })
    .transform(Number)
    .refine((count) => count >= min && count <= max, { error: countRule(min, max) });
