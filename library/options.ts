import {
  type Config,
  ConfigError,
  loadConfig,
  type LoadOptions,
  type Settings,
} from '../shared/runtime/config.js';

/**
 * Reads options by the settings of the program that has the same: one default and one bound for both.
 * Neither the environment nor `.env` is looked at: they are their process's, and not its library's.
 *
 * @param known options beside the settings
 * @throws ConfigError with every fault at once
 */
export function readOptions<const S extends Settings>(
  what: string,
  settings: S,
  given: object,
  known: readonly string[],
  check: LoadOptions<S>['check'] = () => [],
): Config<S> {
  const named = Object.entries(settings).map(
    ([name, setting]) => [name, { ...setting, variable: name }] as const,
  );
  const unknown = Object.keys(given).filter(
    (name) => !Object.hasOwn(settings, name) && !known.includes(name),
  );
  if (unknown.length > 0) {
    const names = [...Object.keys(settings), ...known].join(', ');
    throw new ConfigError([`${what} does not know ${unknown.join(', ')}; it knows ${names}`]);
  }
  const values = Object.entries(given).filter(([name]) => !known.includes(name));
  const env = Object.fromEntries(values.map(([name, value]) => [name, textOf(value)]));
  // The same settings under other names.
  const renamed = Object.fromEntries(named) as unknown as S;
  return loadConfig(what, renamed, { env, argv: [], dotenv: '', check });
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.join(',') : JSON.stringify(value);
}
