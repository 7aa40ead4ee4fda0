import { z } from 'zod';
import { count as before, payload } from './several.mjs';

/** `COUNT` with a payload that the older agents refuse, and that requires more than theirs. */
export const count = { ...before, payload: payload.extend({ step: z.int() }) };
