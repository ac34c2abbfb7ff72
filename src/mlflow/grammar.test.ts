/** The grammar that docs/guides/search.md tells: filters that are written from trees are read back as those trees, bounds hold at their ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../stats/prng.ts'
import type { Comparison, Filter, FilterSchema } from './filter.ts'
import { MORE_METRIC, MORE_NULLABLE, NULLABLE, NUMERIC, parseFilter, parseOrder } from './filter.ts'

const SCHEMA: FilterSchema = {
  entities: { metrics: 'metric', params: 'param', attribute: 'attribute' },
  keys: {
    metric: { type: 'number', operators: NUMERIC, more: MORE_METRIC },
    param: { type: 'text', operators: NULLABLE, more: MORE_NULLABLE },
    attribute: {
      name: { type: 'text', operators: ['='] },
      alias: { type: 'text', operators: ['='], as: 'name' },
      loose: { type: 'text', operators: ['='], lenient: true },
      size: { type: 'number', operators: NUMERIC, lenient: true },
    },
  },
}

const extended = (source: string) => parseFilter(source, SCHEMA, { extended: true })

/** What a filter is refused with. */
function refusal(source: string, options: { extended?: boolean } = { extended: true }): string {
  try {
    parseFilter(source, SCHEMA, options)
  } catch (error) {
    return (error as { data: { detail: string } }).data.detail
  }
  return 'nothing'
}

const random = prng(11)
const pick = <T>(from: readonly T[]): T => from[random.below(from.length)] as T

/** A comparison and one of the ways to write it. */
function anyComparison(): [Comparison, string] {
  const key = pick(['k', 'a b', 'x.y', 'x-y/z', 'AND', "it's"])
  const written = pick([`\`${key}\``, `"${key}"`])
  const compare = (rest: Omit<Comparison, 'kind' | 'key'>): Comparison => ({ kind: 'compare', key, ...rest })
  const number = pick([0, -1.5, 1e9, 0.25])
  const text = pick(['v', '', "it's", 'a AND b', '(', 'é "q"'])
  const literal = pick([`'${text.replaceAll("'", "''")}'`, `"${text.replaceAll('"', '""')}"`])
  switch (random.below(6)) {
    case 0: {
      const operator = pick(NUMERIC)
      return [compare({ entity: 'metric', operator, value: number }), `metrics.${written}${operator}${number}`]
    }
    case 1: {
      const aggregate = pick(['min', 'max', 'first'] as const)
      return [
        compare({ entity: 'metric', operator: '<', value: number, aggregate }),
        `${aggregate}( metrics.${written} ) < ${number}`,
      ]
    }
    case 2:
      return [
        compare({ entity: 'param', operator: 'NOT IN', value: [text, 'w'] }),
        `params.${written} not in (${literal}, 'w',)`,
      ]
    case 3:
      return [compare({ entity: 'param', operator: 'IS NULL', value: null }), `params.${written} IS null`]
    case 4:
      return [compare({ entity: 'param', operator: 'IS NOT NULL', value: null }), `exists params.${written}`]
    default:
      return [compare({ entity: 'param', operator: 'ILIKE', value: text }), `params.${written} iLike ${literal}`]
  }
}

/** A tree and its text; parentheses stand where the text would mean another tree without them, and sometimes where not. */
function anyFilter(depth: number): [Filter, string] {
  const kind = depth === 0 ? 'compare' : pick(['compare', 'and', 'or', 'not'] as const)
  if (kind === 'compare') return anyComparison()
  if (kind === 'not') {
    const [part, text] = anyFilter(depth - 1)
    return [{ kind, part }, `NOT ${part.kind === 'and' || part.kind === 'or' ? `(${text})` : text}`]
  }
  const parts = Array.from({ length: 2 + random.below(2) }, () => anyFilter(depth - 1))
  const texts = parts.map(([part, text]) => {
    const needed = part.kind === kind || (kind === 'and' && part.kind === 'or')
    return needed || random.below(4) === 0 ? `(${text})` : text
  })
  return [{ kind, parts: parts.map(([part]) => part) }, texts.join(` ${kind === 'and' ? pick(['AND', 'and']) : 'Or'} `)]
}

test('property: a filter that is written from a tree is read as that tree', () => {
  for (let round = 0; round < 500; round++) {
    const [filter, text] = anyFilter(3)
    assert.deepEqual(extended(text), filter, text)
  }
})

test('AND binds closer than OR, and NOT closer than both', () => {
  const name = (value: string): Comparison => ({
    kind: 'compare',
    entity: 'attribute',
    key: 'name',
    operator: '=',
    value,
  })
  assert.deepEqual(extended("name = 'a' OR NOT name = 'b' AND name = 'c'"), {
    kind: 'or',
    parts: [name('a'), { kind: 'and', parts: [{ kind: 'not', part: name('b') }, name('c')] }],
  })
})

test('twenty levels of parentheses and NOT are read, one more is refused', () => {
  const deep = (levels: number) => `${'('.repeat(levels)}name = 'a'${')'.repeat(levels)}`
  assert.equal(refusal(deep(20)), 'nothing')
  assert.match(refusal(deep(21)), /nests deeper than 20 levels/)
  const negated = (levels: number) => `${'NOT '.repeat(levels)}name = 'a'`
  assert.equal(refusal(negated(20)), 'nothing')
  assert.match(refusal(negated(21)), /nests deeper than 20 levels/)
})

test('two hundred comparisons are read, one more is refused, EXISTS and WITHIN among them', () => {
  const parts = ["name = 'a'", 'EXISTS params.k', 'metrics.k WITHIN 1% OF MAX']
  const long = (count: number) => Array.from({ length: count }, (_, i) => parts[i % 3]).join(' AND ')
  assert.equal(refusal(long(200)), 'nothing')
  for (const more of parts) assert.match(refusal(`${long(200)} AND ${more}`), /more than 200 comparisons/)
})

for (const [source, key, best] of [
  ['metrics.val_loss WITHIN 2% OF BEST', 'val_loss', 'min'],
  ['metrics.RMSE within 2% of best', 'RMSE', 'min'],
  ['metrics.`p99 latency` WITHIN 2% OF BEST', 'p99 latency', 'min'],
  ['metrics.cost WITHIN 2% OF BEST', 'cost', 'min'],
  ['metrics.glossary WITHIN 2% OF BEST', 'glossary', 'max'],
  ['metrics.accuracy WITHIN 2% OF BEST', 'accuracy', 'max'],
  ['metrics.loss WITHIN 2% OF MAX', 'loss', 'max'],
  ['metrics.accuracy WITHIN 2% OF MIN', 'accuracy', 'min'],
] as const) {
  test(`${source} is near the ${best}`, () => {
    assert.deepEqual(extended(source), {
      kind: 'compare',
      entity: 'metric',
      key,
      operator: 'WITHIN',
      value: 0.02,
      best,
    })
  })
}

test('a share of 0 % is the best itself; a negative one, one without a sign and a text are none', () => {
  assert.equal((extended('metrics.k WITHIN 0% OF BEST') as Comparison).value, 0)
  for (const share of ['-1%', '1', "'1'%", 'k%', '% OF'])
    assert.match(refusal(`metrics.k WITHIN ${share} OF BEST`), /expected a share such as 1% OF BEST/, share)
})

test('keys of text take a number or a bare word where they are lenient, keys of numbers a number in quotes', () => {
  const value = (source: string) => (parseFilter(source, SCHEMA) as Comparison).value
  assert.deepEqual(['loose = word', 'loose = 5', "loose = 'x y'"].map(value), ['word', '5', 'x y'])
  assert.deepEqual(["size = '5'", 'size = "-1e3"', 'size = .5', "size > ' 7 '"].map(value), [5, -1000, 0.5, 7])
  for (const odd of ["''", "' '", "'x'", 'word', "'Infinity'", "'NaN'"])
    assert.match(refusal(`size = ${odd}`), /Expected numeric value type for numeric attribute: size/, odd)
  assert.match(refusal('metrics.k = 1e999'), /Expected numeric value type for metric/)
  assert.match(refusal('name = word'), /not quoted/)
})

test('a key is known by its true name whatever alias is written', () => {
  assert.equal((parseFilter("alias = 'x'", SCHEMA) as Comparison).key, 'name')
  assert.equal(parseOrder('alias DESC', SCHEMA).key, 'name')
})

for (const word of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
  test(`${word} is a name like any other`, () => {
    const valid = "Valid values are ['metric', 'param', 'attribute']"
    assert.equal(refusal(`${word}.x = 'a'`), `Invalid entity type '${word}'. ${valid} (at character 1)`)
    assert.match(refusal(`${word} = 'a'`), new RegExp(`^Invalid attribute key '${word}' specified\\.`))
    assert.equal((extended(`params.${word} = 'a'`) as Comparison).key, word)
    assert.match(refusal(`name ${word} 'a'`), /expected an operator/)
  })
}

for (const [source, expected] of [
  ['name', /expected an operator/],
  ['name = ', /expected a value|expected an operator/],
  ["= 'x'", /expected a name such as/],
  ["'name' = 'x'", /expected a name such as/],
  ['name IN ()', /Invalid comparator 'IN'/],
  ['params.k IN ()', /expected a non-empty list of string values, but got empty list/],
  ['params.k IN', /expected a list in parentheses/],
  ["params.k IN 'a'", /expected a list in parentheses/],
  ["params.k IN ('a' 'b')", /a comma or a closing parenthesis/],
  ["params.k IN ('a',,'b')", /Got value ,/],
  ["params.k NOT 'a'", /expected an operator/],
  ['params.k IS', /expected an operator/],
  ['params.k IS NOT', /expected an operator/],
  ['metrics.k REGEXP 1', /Invalid comparator 'REGEXP'/],
  ['name IS NULL', /IS NULL \/ IS NOT NULL is only supported for tags and params, not for 'attribute' 'name'/],
  ['EXISTS name', /not for 'attribute' 'name'/],
  ['min(metrics.k', /a closing parenthesis after the metric/],
  ['min() > 1', /expected a name such as/],
  ["name = 'a' AND OR name = 'b'", /at character 16/],
  ["name = 'a')", /at character 11: expected AND or OR/],
  ['()', /^Invalid clause\(s\) in filter string: '\)'/],
  ['NOT', /expected an? /],
] as const) {
  test(`refused: ${source}`, () => assert.match(refusal(source), expected))
}

test('what only the extended form has is no part of MLflow’s', () => {
  for (const source of [
    "name = 'a' OR name = 'b'",
    "NOT name = 'a'",
    "(name = 'a')",
    'EXISTS params.k',
    'min(metrics.k) > 1',
  ])
    assert.match(refusal(source, {}), /^Invalid (clause\(s\)|attribute key '(NOT|EXISTS|min)')/, source)
  for (const source of ["params.k REGEXP 'a'", "params.k IN ('a')", 'metrics.k WITHIN 1% OF BEST'])
    assert.match(refusal(source, {}), /^Invalid c(lause|omparator)/, source)
})

for (const [clause, order] of [
  ['metrics.k', { entity: 'metric', key: 'k', type: 'number', descending: false }],
  ['metrics.k asc', { entity: 'metric', key: 'k', type: 'number', descending: false }],
  ['params."a b" dEsC', { entity: 'param', key: 'a b', type: 'text', descending: true }],
  ['first(metrics.k) DESC', { entity: 'metric', key: 'k', type: 'number', descending: true, aggregate: 'first' }],
  ['last(metrics.k)', { entity: 'metric', key: 'k', type: 'number', descending: false }],
  ['"size" DESC', { entity: 'attribute', key: 'size', type: 'number', descending: true }],
] as const) {
  test(`the order ${clause}`, () => assert.deepEqual(parseOrder(clause, SCHEMA), order))
}

for (const [clause, expected] of [
  ['', /Could not be parsed/],
  ['metrics.k DESC NULLS', /Could not be parsed/],
  ['metrics.k, params.k', /Could not be parsed/],
  ['metrics.k down', /Invalid ordering key/],
  ['sum(metrics.k)', /Could not be parsed|Invalid/],
  ['min(params.k)', /min, max, first and last are of metrics/],
  ['nosuch', /Invalid attribute key 'nosuch'/],
  ['§', /Could not be parsed/],
] as const) {
  test(`the order ${JSON.stringify(clause)} is refused`, () => {
    assert.throws(
      () => parseOrder(clause, SCHEMA),
      (error: { data: { detail: string } }) => expected.test(error.data.detail),
    )
  })
}
