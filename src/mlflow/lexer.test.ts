/** Tokens of filters: what they are cut into, where each begins, and what begins none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../stats/prng.ts'
import { splitName, tokens } from './lexer.ts'

const kinds = (source: string): string[] => tokens(source).map((token) => `${token.kind} ${token.text}`)

test('a filter is cut into names, operators, strings, numbers and signs', () => {
  assert.deepEqual(kinds("metrics.loss<=1.5e-3 AND(tags.`a b`!='x''y',%)"), [
    'identifier metrics.loss',
    'operator <=',
    'number 1.5e-3',
    'identifier AND',
    '( (',
    'identifier tags.`a b`',
    'operator !=',
    "string 'x''y'",
    ', ,',
    '% %',
    ') )',
  ])
})

for (const [source, value] of [
  ["'it''s'", "it's"],
  ['"say ""no"""', 'say "no"'],
  ["''", ''],
  ['\'a "b"\'', 'a "b"'],
] as const) {
  test(`the value of ${source} is ${JSON.stringify(value)}`, () => {
    assert.deepEqual(
      tokens(source).map((token) => token.value),
      [value],
    )
  })
}

for (const number of ['0', '12', '-3', '+4', '.5', '5.', '1.25', '1e9', '-2.5E-3']) {
  test(`${number} is a number`, () => assert.deepEqual(kinds(number), [`number ${number}`]))
}

test('a number that runs on into a word is none', () => {
  assert.throws(() => tokens('12abc'), /Invalid clause/)
  assert.throws(() => tokens('1.2.3'), /Invalid clause/)
})

for (const [source, at] of [
  ["a = 'open", 5],
  ['a = ;', 5],
  ['§', 1],
  ['a = `open', 5],
] as const) {
  test(`${source} is refused at character ${at}`, () => {
    assert.throws(
      () => tokens(source),
      (error: { data?: { detail?: string } }) => (error.data?.detail ?? '').includes(`(at character ${at})`),
    )
  })
}

test('a text of 20,000 characters is read, one more is refused', () => {
  assert.equal(tokens('a'.repeat(20_000)).length, 1)
  assert.throws(() => tokens('a'.repeat(20_001)), /20001 characters; at most 20000/)
})

test('property: each token stands in the source where it says, in order, with nothing but blanks between', () => {
  const random = prng(9)
  const words = ['a', 'a.b', 'x-1', '`q r`.s', "'t'", '"u"', '1', '-2.5', '=', '!=', '<', '(', ')', ',', '%', 'AND']
  for (let round = 0; round < 200; round++) {
    const chosen = Array.from({ length: 1 + Math.floor(random.uniform() * 12) }, () => {
      return words[Math.floor(random.uniform() * words.length)] as string
    })
    const source = chosen.join(random.uniform() < 0.5 ? ' ' : '  \n\t')
    const found = tokens(source)
    assert.deepEqual(
      found.map((token) => token.text),
      chosen,
    )
    let end = 0
    for (const token of found) {
      assert.equal(source.slice(token.at, token.at + token.text.length), token.text)
      assert.equal(source.slice(end, token.at).trim(), '')
      end = token.at + token.text.length
    }
  }
})

for (const [text, entity, key] of [
  ['loss', undefined, 'loss'],
  ['metrics.loss', 'metrics', 'loss'],
  ['metrics.a.b', 'metrics', 'a.b'],
  ['tags.`a.b c`', 'tags', 'a.b c'],
  ['tags."a b"', 'tags', 'a b'],
  ['`tags`.x', 'tags', 'x'],
  ['`a.b`', undefined, 'a.b'],
  ['"a.b"', undefined, 'a.b'],
  ['tags.``', 'tags', ''],
] as const) {
  test(`${text} names ${entity ?? 'no entity'} and ${key}`, () => assert.deepEqual(splitName(text), { entity, key }))
}
