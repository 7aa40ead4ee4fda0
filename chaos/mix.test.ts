import { families, mixText, parseMix, usualMix } from './mix.js';
import { faultKinds } from './record.js';

const kindsIn = (text: string) => {
  const mix = parseMix(text);
  return faultKinds.filter((kind) => mix !== undefined && mix[kind] > 0);
};

it.each([
  ['kill', ['agent killed', 'server killed']],
  ['freeze,late', ['agent frozen', 'server frozen', 'request late']],
  [' reply , double ', ['reply lost', 'entry duplicated']],
  ['link-half-open', ['link half open']],
  ['redis,redis-frozen=0', ['Redis killed', 'Redis killed while loading', 'Redis killed while rewriting']],
])('%j is those kinds and no other', (text, kinds) => {
  expect(kindsIn(text)).toEqual(kinds);
});

it('every kind is in some family, and can be asked for by itself', () => {
  expect(kindsIn(Object.keys(families).join(','))).toEqual(faultKinds);
  for (const kind of faultKinds) expect(kindsIn(kind.toLowerCase().replaceAll(' ', '-'))).toEqual([kind]);
});

it('a factor is to how often a kind comes usually', () => {
  expect(parseMix('kill=3,link-down=0.5')).toMatchObject({
    'agent killed': 3 * usualMix['agent killed'],
    'server killed': 3 * usualMix['server killed'],
    'link down': usualMix['link down'] / 2,
    'link slow': 0,
  });
});

it.each(['', 'kills', 'kill=', 'kill=-1', 'kill=x', 'kill;freeze', 'kill=0', 'kill,'])(
  '%j is refused',
  (text) => {
    expect(parseMix(text)).toBeUndefined();
  },
);

it('a mix can be written down and read back', () => {
  const mix = parseMix('kill=3,link=0.1,late');
  expect(mix && parseMix(mixText(mix))).toEqual(mix);
});
