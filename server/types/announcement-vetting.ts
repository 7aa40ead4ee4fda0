import { createHash } from 'node:crypto';
import { schemaLimits } from '../../shared/protocol/bounds.js';
import { type RegisterBody } from '../../shared/protocol/agent-api.js';
import { textOfType } from '../../shared/protocol/type-digest.js';
import { invalid } from '../http/problem.js';
import { CpuAllowance } from './cpu-allowance.js';
import { stillLearning } from './schema-problems.js';
import { vetSchema } from './schema-vetting.js';
import { warmUp } from './compiled-type.js';

type AnnouncedType = Exclude<RegisterBody['types'][number], string>;

/** Versions that are remembered as good: agents announce the same again every half minute. */
const mostRemembered = 5000;
/** CPU ms that one registration may spend on schemas that were not looked into before. */
const vettingMs = 100;

/** Checks announcements as they arrive: accepts the ones whose schemas can be used, and refuses the others by name. */
export class AnnouncementVetting {
  /** The announcements that passed, by a hash of their text. */
  readonly #good = new Set<string>();

  /** @param types as they were registered: names, and announcements with schemas. @throws Problem */
  check(types: RegisterBody['types']): void {
    if (types.some((type) => typeof type !== 'string')) warmUp();
    const allowance = new CpuAllowance(vettingMs);
    let left = schemaLimits.types;
    for (const [i, type] of types.entries()) {
      if (typeof type === 'string') continue;
      if (left-- === 0) {
        throw invalid([{ field: 'types', message: `must announce at most ${schemaLimits.types} schemas` }]);
      }
      this.#check(type, `types[${i}]`, allowance);
    }
  }

  #check(type: AnnouncedType, field: string, allowance: CpuAllowance): void {
    const text = textOfType(type);
    if (Buffer.byteLength(text) > schemaLimits.bytes) {
      const message = `(${type.type}) must have schemas of at most ${schemaLimits.bytes} bytes as JSON`;
      throw invalid([{ field, message }]);
    }
    const hash = createHash('sha256').update(text).digest('base64url');
    if (this.#good.has(hash)) return;
    if (allowance.isSpent) throw stillLearning();
    const { fault } = vetSchema(type.payload);
    if (fault !== undefined) {
      throw invalid([{ field: `${field}.payload`, message: `(${type.type}): ${fault}` }]);
    }
    this.#good.add(hash);
    const [oldest] = this.#good;
    if (this.#good.size > mostRemembered && oldest !== undefined) this.#good.delete(oldest);
  }
}
