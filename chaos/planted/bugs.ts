import { controlBugs } from './control-bugs.js';
import { moduleBugs } from './module-bugs.js';
import { type PlantedBug } from './planted-bug.js';
import { progressBugs } from './progress-bugs.js';
import { scriptBugs } from './script-bugs.js';

/** All bugs that a chaos run has to find, each within two minutes. */
export const plantedBugs: readonly PlantedBug[] = [
  ...scriptBugs,
  ...progressBugs,
  ...controlBugs,
  ...moduleBugs,
];

/** @throws when there is none of that name */
export function bugNamed(name: string): PlantedBug {
  const bug = plantedBugs.find((one) => one.name === name);
  if (!bug) throw new Error(`no planted bug ${name}: ${plantedBugs.map((one) => one.name).join(', ')}`);
  return bug;
}
