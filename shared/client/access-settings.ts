import { z } from 'zod';
import { type Config, setting } from '../runtime/config.js';
import {
  addressesOf,
  headerFault,
  isToken,
  parseServerUrl,
  serverUrlRule,
  tokenRule,
} from './credentials.js';

/** URLs of servers, with commas between. */
export const serverUrlsSchema = z
  .string({ error: serverUrlRule })
  .transform((text) => text.split(',').map((part) => part.trim()))
  .transform((parts) => parts.filter((part) => part !== ''))
  .refine((urls) => urls.length > 0, { error: 'names no server' })
  .refine((urls) => urls.every((url) => parseServerUrl(url) !== undefined), { error: serverUrlRule });

const headersRule = 'must be lines of Name: value';

/** `Name: value`, one per line. */
const headersSchema = z.string({ error: headersRule }).transform((text, context) => {
  const headers: Record<string, string> = {};
  for (const line of text.split(/\r?\n/).filter((one) => one.trim() !== '')) {
    const [, name, value] = /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
    const fault = name === undefined || value === undefined ? headersRule : headerFault(name, value);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
    else if (name !== undefined && value !== undefined) headers[name] = value;
  }
  return headers;
});

/** Where servers are, and what lets a caller in: for agents over HTTP and the command line. */
export const accessSettings = {
  serverUrls: setting(
    'SERVER_URL',
    serverUrlsSchema.optional(),
    'URLs of the servers, tried in turn, separated by commas; may have user:password@',
    { secret: true },
  ),
  token: setting(
    'FENCEPOST_TOKEN',
    z.string().refine(isToken, { error: tokenRule }).optional(),
    'bearer token to send to the servers',
    { secret: true },
  ),
  headers: setting(
    'FENCEPOST_HEADERS',
    headersSchema.optional(),
    'more headers to send to the servers: Name: value, one per line',
    { secret: true },
  ),
} as const;

/** Checks for `loadConfig` that only one of several ways to authenticate is configured. */
export function checkAccess({ serverUrls, token, headers }: Config<typeof accessSettings>): string[] {
  try {
    addressesOf(serverUrls ?? ['http://localhost'], { token, headers });
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
