import { controlMutants } from './control-mutants.js';
import { moduleMutants } from './module-mutants.js';
import { type Mutant } from './mutant.js';
import { progressMutants } from './progress-mutants.js';
import { scriptMutants } from './script-mutants.js';

/** All mutants that a chaos run has to find, each within two minutes. */
export const mutants: readonly Mutant[] = [
  ...scriptMutants,
  ...progressMutants,
  ...controlMutants,
  ...moduleMutants,
];

/** @throws when there is none of that name */
export function mutantNamed(name: string): Mutant {
  const mutant = mutants.find((one) => one.name === name);
  if (!mutant) throw new Error(`no mutant ${name}: ${mutants.map((one) => one.name).join(', ')}`);
  return mutant;
}
