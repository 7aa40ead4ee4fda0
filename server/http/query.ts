import { type Request } from 'express';
import { type z } from 'zod';
import { invalid } from './problem.js';
import { parseInput } from './input.js';

/** The query string of a request. @throws Problem with every parameter that is wrong, or not known */
export function parseQuery<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  request: Request,
): z.output<z.ZodObject<Shape>> {
  const parsed = parseInput(schema, request.query, Object.keys(schema.shape));
  if (!parsed.ok) throw invalid(parsed.faults);
  return parsed.value;
}
