import { dirname, join, normalize } from 'node:path';

/** A source file: its path from the root, with slashes, and its text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** The relative imports of a file, also those of types alone, as paths from the root. */
export function importsOf({ path, text }: Source): string[] {
  const found = text.matchAll(/^(?:import|export)\b[^;'"]*?'(\.{1,2}\/[^']+)'/gm);
  return [...found].map(([, to = '']) => normalize(join(dirname(path), to)).replace(/\.js$/, '.ts'));
}

/** The room of a file: the folder below its project, such as `server/http`; undefined for a file beside the rooms. */
export function roomOf(path: string): string | undefined {
  const parts = dirname(path).split('/');
  return parts.length < 2 ? undefined : parts.slice(0, 2).join('/');
}

/** The rooms that each room imports, with an import that shows it. */
export function roomGraph(sources: readonly Source[]): Map<string, Map<string, string>> {
  const graph = new Map<string, Map<string, string>>();
  for (const source of sources) {
    const from = roomOf(source.path);
    if (from === undefined) continue;
    for (const imported of importsOf(source)) {
      const to = roomOf(imported);
      if (to === undefined || to === from) continue;
      const edges = graph.get(from) ?? new Map<string, string>();
      graph.set(from, edges.set(to, `${source.path} imports ${imported}`));
    }
  }
  return graph;
}

/** Returns the imports that close a circle of rooms: each circle once, as the imports on its way. */
export function roomCycles(graph: ReadonlyMap<string, ReadonlyMap<string, string>>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (room: string, way: readonly string[], imports: readonly string[]): void => {
    const at = way.indexOf(room);
    if (at !== -1) {
      cycles.push(imports.slice(at));
      return;
    }
    if (done.has(room)) return;
    for (const [to, shown] of graph.get(room) ?? []) visit(to, [...way, room], [...imports, shown]);
    done.add(room);
  };
  for (const room of graph.keys()) visit(room, [], []);
  return cycles;
}
