/** Filters and orders that the Runs page writes, read by the server's own parser: each must mean what was chosen. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFilter, parseOrder } from '../../src/mlflow/filter.ts'
import type { Comparison } from '../../src/mlflow/filter.ts'
import { RUN_SCHEMA } from '../../src/tracking/searches/conditions.ts'
import { NEWEST, nextOrder, orderState } from '../../web/data/runs/columns.ts'
import { completed, completionAt, narrowedFilter } from '../../web/data/runs/completion.ts'
import { property } from './seeded.ts'
import type { Seeded } from './seeded.ts'

const ENTITIES: Readonly<Record<string, string>> = { metrics: 'metric', params: 'parameter', tags: 'tag' }

/** Keys as people and libraries name them, and as MLflow allows them. */
function keyOf(random: Seeded): string {
  const part = (): string =>
    random.pick(['auc', 'lr', 'a b', 'val/loss', 'top-5', 'x.y', 'é', 'mlflow.user', '1st', 'AND', 'a:b'])
  return random.chance(0.5) ? part() : `${part()}${random.pick(['.', '/', '_', ' ', '-'])}${part()}`
}

function columnOf(random: Seeded): string {
  return `${random.pick(Object.keys(ENTITIES))}.${keyOf(random)}`
}

function parsed(filter: string): Comparison {
  return parseFilter(filter, RUN_SCHEMA, { extended: true }) as Comparison
}

test('a group is narrowed to by exactly its column and its value', () => {
  property(400, (random) => {
    const column = columnOf(random).replace(/^metrics/, 'params')
    const value = random.pick(['1', '0.1', '', 'a b', "it's", 'say "hi"', 'é 漢', '%', 'a_b', 'AND x = 1', ')'])
    const filter = narrowedFilter('', column, value)
    assert.ok(filter !== undefined, `${column} is ${value}`)
    const { kind, entity, key, operator, value: found } = parsed(filter)
    assert.deepEqual(
      { kind, entity, key, operator, value: found },
      {
        kind: 'compare',
        entity: ENTITIES[column.split('.')[0] ?? ''],
        key: column.slice(column.indexOf('.') + 1),
        operator: '=',
        value,
      },
    )
  })
})

test('a group without the column is narrowed to by its absence', () => {
  property(100, (random) => {
    const column = columnOf(random).replace(/^metrics/, 'tags')
    const { operator, key } = parsed(narrowedFilter('', column, null) ?? '')
    assert.deepEqual([operator, key], ['IS NULL', column.slice(column.indexOf('.') + 1)])
  })
})

test('narrowing keeps the whole filter before it as one condition, with or without OR', () => {
  for (const before of [
    'metrics.a > 1',
    'metrics.a > 1 AND params.b = "2"',
    "params.a = '1' OR params.a = '2'",
    "params.note = 'x OR y'",
  ]) {
    const both = parseFilter(narrowedFilter(before, 'tags.team', 'red'), RUN_SCHEMA, { extended: true })
    assert.ok(both?.kind === 'and', before)
    const last = both.parts.at(-1) as Comparison
    assert.deepEqual([last.key, last.value], ['team', 'red'])
    const alone = parseFilter(before, RUN_SCHEMA, { extended: true })
    const first = both.parts.length === 2 ? both.parts[0] : { kind: 'and', parts: both.parts.slice(0, -1) }
    assert.deepEqual(first, alone, before)
  }
})

test('a value with both kinds of quotes can not be narrowed to, and is not pretended to be', () => {
  assert.equal(narrowedFilter('', 'params.x', `"it's"`), undefined)
})

test('an order by any column means that column, falling, then rising, then the newest first', () => {
  property(300, (random) => {
    const column = columnOf(random)
    const [kind = '', key] = [column.split('.')[0], column.slice(column.indexOf('.') + 1)]
    const falling = nextOrder(NEWEST, column)
    const rising = nextOrder(falling, column)
    const orders = [falling, rising].map((order) => {
      const { entity, key: found, descending } = parseOrder(order, RUN_SCHEMA)
      return { entity, key: found, descending }
    })
    assert.deepEqual(orders, [
      { entity: ENTITIES[kind], key, descending: true },
      { entity: ENTITIES[kind], key, descending: false },
    ])
    assert.equal(nextOrder(rising, column), NEWEST)
    assert.deepEqual(
      [orderState(falling, column), orderState(rising, column), orderState(NEWEST, column)],
      ['descending', 'ascending', 'none'],
    )
  })
})

test('the newest first is an order that the server knows', () => {
  assert.deepEqual(
    [parseOrder(NEWEST, RUN_SCHEMA).descending, parseOrder(NEWEST, RUN_SCHEMA).entity],
    [true, 'attribute'],
  )
})

/** Writes a filter by taking completions alone: a name, an operator, then a value that fits. */
function writtenBy(random: Seeded, offered: readonly string[]): string {
  let [text, caret] = ['', 0]
  const take = (choice: string): void => {
    ;({ text, caret } = completed(text, caret, completionAt(text, caret, offered), choice))
  }
  const options = (): readonly string[] => completionAt(text, caret, offered).options
  const names = options().filter((option) => option !== 'NOT' && option !== '(')
  const name = random.pick(names)
  take(name)
  const operator = random.pick(options())
  take(operator)
  if (operator.startsWith('IS')) return text
  const states = options()
  if (states.length > 0 && !operator.endsWith('IN')) take(random.pick(states))
  else {
    const number = name.startsWith('metrics.') || name.endsWith('_time')
    const value = number ? '1' : "'x'"
    text += operator.endsWith('IN') ? `(${value})` : value
  }
  return text
}

test('what is written by completion alone is a filter of the server', () => {
  property(500, (random) => {
    const offered = [...new Set(random.list(6, () => columnOf(random)))]
    const filter = writtenBy(random, offered)
    assert.doesNotThrow(() => parsed(filter), filter)
  })
})

test('a second condition is joined by what completion offers', () => {
  property(100, (random) => {
    const offered = ['metrics.auc', 'params.lr', 'tags.a b']
    const first = writtenBy(random, offered).trimEnd()
    const { options } = completionAt(`${first} `, first.length + 1, offered)
    assert.deepEqual(options, ['AND', 'OR'], first)
  })
})
