import fc from 'fast-check'

/** Well-formed strings, short ones and some that are long enough for the codec's other ways of writing and reading. */
const strings = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary', minLength: 45, maxLength: 300 }),
  fc.tuple(fc.constantFrom('a', 'é', '漢', '🙂'), fc.integer({ min: 0, max: 400 })).map(([unit, n]) => unit.repeat(n)),
)

const bigints = fc.oneof(
  fc.bigInt(),
  fc
    .tuple(fc.boolean(), fc.integer({ min: 1, max: 1_024 }))
    .map(([sign, n]) => BigInt(`${sign ? '-' : ''}${'9'.repeat(n)}`)),
)

/** Every value that may stand in a frame, but for −0 (it arrives as 0) and `undefined` (it is left out, or becomes nil). */
export const values: fc.Arbitrary<unknown> = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 70_000 }),
    fc.double().map(number => (Object.is(number, -0) ? 0 : number)),
    strings,
    bigints,
    fc.date({ noInvalidDate: true, min: new Date(-8.64e15), max: new Date(8.64e15) }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.string({ unit: 'binary' }).filter(key => key !== '__proto__'),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 6 }).map(entries => new Map(entries)),
    fc.array(tie('value'), { maxLength: 6 }).map(items => new Set(items)),
  ),
})).value
