/** The search of versions on SQLite: filters, orders and pages at random, against a list that is filtered and sorted in plain JavaScript. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import { prng } from '../../stats/prng.ts'
import type { Prng } from '../../stats/prng.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { openRegistry } from '../opened.fixture.ts'
import type { Opened } from '../opened.fixture.ts'
import { registerVersion } from '../versions/register.ts'
import { deleteVersion, describeVersion, setVersionTag } from '../versions/versions.ts'
import { searchVersions } from './search.ts'

/** A version as the oracle knows it. */
interface Known {
  readonly name: string
  readonly version: number
  readonly project: string
  readonly run: string
  readonly created: number
  updated: number
  readonly tags: Map<string, string>
}

const MODELS = ['flights', 'Flights', 'f_lights', 'delays'] as const
const PROJECTS: Readonly<Record<string, string>> = { delays: 'other' }
const TEAMS = ['red', 'Red', 'r_d', 'blue%']
let opened: Opened
let bench: Bench
const known: Known[] = []

function pick<T>(random: Prng, list: readonly T[]): T {
  return list[random.below(list.length)] as T
}

before(async () => {
  opened = await openRegistry()
  bench = opened.bench
  const random = prng(3)
  for (let i = 0; i < 24; i++) {
    // some are made in the same millisecond
    bench.wait(random.below(2))
    const name = pick(random, MODELS)
    const project = PROJECTS[name] ?? 'default'
    const run = pick(random, ['r1', 'r2'])
    const made = await registerVersion(bench.room, root, {
      ...(await wanted(bench, { model: name, auc: i / 100 })),
      project,
      run_id: run,
    })
    const now = bench.room.clock()
    const row: Known = {
      name,
      version: Number(made.version),
      project,
      run,
      created: now,
      updated: now,
      tags: new Map(),
    }
    known.push(row)
    for (const key of ['team', 'odd key']) {
      if (random.below(3) === 0) continue
      const value = pick(random, TEAMS)
      await setVersionTag(bench.room, root, { name, version: made.version, key, value })
      row.tags.set(key, value)
    }
  }
  for (let i = 0; i < 8; i++) {
    bench.wait(random.below(2))
    const row = pick(random, known)
    await describeVersion(bench.room, root, { name: row.name, version: String(row.version) }, `text ${i}`)
    row.updated = bench.room.clock()
  }
  const [gone] = known.splice(5, 1)
  await deleteVersion(bench.room, root, gone?.name ?? '', String(gone?.version))
})
after(() => opened.close())

/** SQL's LIKE, letter by letter. */
function isLike(text: string, pattern: string): boolean {
  if (pattern === '') return text === ''
  const rest = pattern.slice(1)
  if (pattern.startsWith('%')) return isLike(text, rest) || (text !== '' && isLike(text.slice(1), pattern))
  return text !== '' && (pattern.startsWith('_') || pattern[0] === text[0]) && isLike(text.slice(1), rest)
}

interface Condition {
  readonly text: string
  readonly holds: (row: Known) => boolean
}

const TEXT_OPERATORS: Readonly<Record<string, (found: string, value: string) => boolean>> = {
  '=': (found, value) => found === value,
  '!=': (found, value) => found !== value,
  LIKE: isLike,
  ILIKE: (found, value) => isLike(found.toLowerCase(), value.toLowerCase()),
}
const NUMBER_OPERATORS: Readonly<Record<string, (found: number, value: number) => boolean>> = {
  '=': (found, value) => found === value,
  '!=': (found, value) => found !== value,
  '<': (found, value) => found < value,
  '<=': (found, value) => found <= value,
  '>': (found, value) => found > value,
  '>=': (found, value) => found >= value,
}

/** Conditions of every kind, at random. */
const KINDS: readonly ((random: Prng) => Condition)[] = [
  (random) => {
    const operator = pick(random, Object.keys(TEXT_OPERATORS))
    const value = pick(random, [...MODELS, 'f%', '_lights', 'F%s', '%'])
    return {
      text: `name ${operator} '${value}'`,
      holds: ({ name }) => TEXT_OPERATORS[operator]?.(name, value) ?? false,
    }
  },
  (random) => {
    const names = [pick(random, MODELS), pick(random, MODELS)]
    return { text: `name IN ('${names.join("', '")}')`, holds: ({ name }) => names.some((one) => one === name) }
  },
  (random) => {
    const operator = pick(random, Object.keys(NUMBER_OPERATORS))
    const value = 1 + random.below(6)
    const quoted = random.below(2) === 0 ? `'${value}'` : String(value)
    return {
      text: `version_number ${operator} ${quoted}`,
      holds: ({ version }) => NUMBER_OPERATORS[operator]?.(version, value) ?? false,
    }
  },
  (random) => {
    const run = pick(random, ['r1', 'r2', 'r3'])
    return { text: `run_id = '${run}'`, holds: (row) => row.run === run }
  },
  (random) => {
    const operator = pick(random, Object.keys(TEXT_OPERATORS))
    const key = pick(random, ['team', 'odd key'])
    const value = pick(random, [...TEAMS, 'r%', '_ed', 'R_D'])
    // a version without the tag is in no comparison with it, not even by !=
    const holds = ({ tags }: Known): boolean => {
      const found = tags.get(key)
      return found !== undefined && (TEXT_OPERATORS[operator]?.(found, value) ?? false)
    }
    return { text: `${pick(random, ['tag', 'tags'])}.\`${key}\` ${operator} '${value}'`, holds }
  },
]

function byText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

const ORDERS: Readonly<Record<string, (a: Known, b: Known) => number>> = {
  name: (a, b) => byText(a.name, b.name),
  version_number: (a, b) => a.version - b.version,
  creation_timestamp: (a, b) => a.created - b.created,
  last_updated_timestamp: (a, b) => a.updated - b.updated,
}
const NEWEST_FIRST = ['last_updated_timestamp DESC', 'name ASC', 'version_number DESC']

/** As asked, then by name and by falling version. */
function sorted(rows: readonly Known[], order_by: readonly string[]): Known[] {
  const clauses = [...(order_by.length > 0 ? order_by : NEWEST_FIRST), 'name', 'version_number DESC']
  return rows.toSorted((a, b) => {
    for (const clause of clauses) {
      const [key = '', way] = clause.split(' ')
      const found = (way === 'DESC' ? -1 : 1) * (ORDERS[key]?.(a, b) ?? 0)
      if (found !== 0) return found
    }
    return 0
  })
}

function randomOrder(random: Prng): string[] {
  const keys = Object.keys(ORDERS).filter(() => random.below(3) === 0)
  return keys.map((key) => `${key}${pick(random, ['', ' ASC', ' DESC'])}`)
}

/** All pages of a search, each but the last full. */
async function pages(who: Principal, filter: string | undefined, order_by: string[], max_results: number) {
  const found: string[] = []
  let page_token: string | undefined
  do {
    const page = await searchVersions(bench.room, who, { filter, order_by, max_results, page_token })
    const rows = (page.model_versions ?? []) as { name: string; version: string }[]
    found.push(...rows.map((row) => `${row.name}/${row.version}`))
    page_token = page.next_page_token
    assert.ok(page_token === undefined ? rows.length <= max_results : rows.length === max_results)
  } while (page_token !== undefined)
  return found
}

test('filters joined by AND, every order and every size of page', async () => {
  const random = prng(77)
  let matched = 0
  for (let round = 0; round < 150; round++) {
    const conditions = Array.from({ length: random.below(4) }, () => pick(random, KINDS)(random))
    const filter = conditions.length === 0 ? undefined : conditions.map((one) => one.text).join(' AND ')
    const order_by = randomOrder(random)
    const who = pick(random, [root, person('viewer', 'default'), person('viewer', 'other')])
    const rows = known.filter(
      (row) => (who.project === null || who.project === row.project) && conditions.every((one) => one.holds(row)),
    )
    const expected = sorted(rows, order_by).map((row) => `${row.name}/${row.version}`)
    const told = `${filter} by ${order_by.join(', ')} for ${who.project}`
    assert.deepEqual(await pages(who, filter, order_by, 1 + random.below(9)), expected, told)
    matched += expected.length
  }
  assert.ok(matched > 300, `${matched} rows were found in all`)
})

test('a page belongs to its search: a token of another filter, order or person is refused', async () => {
  const asked = { filter: "name = 'flights'", order_by: ['name'], max_results: 1, page_token: undefined }
  const { next_page_token } = await searchVersions(bench.room, root, asked)
  assert.ok(next_page_token !== undefined)
  const next = { ...asked, page_token: next_page_token }
  await searchVersions(bench.room, root, next)
  const others = [
    { ...next, filter: "name = 'Flights'" },
    { ...next, order_by: ['name DESC'] },
  ]
  for (const other of others) await assert.rejects(searchVersions(bench.room, root, other), { status: 400 })
  await assert.rejects(searchVersions(bench.room, person('viewer', 'default'), next), { status: 400 })
})

test('an order names each key once, and only keys that there are', async () => {
  const search = (...order_by: string[]) =>
    searchVersions(bench.room, root, { filter: undefined, order_by, max_results: 5, page_token: undefined })
  await assert.rejects(search('name', 'name DESC'), /duplicate/)
  await assert.rejects(search('colour'), /colour/)
  await assert.rejects(search('name SIDEWAYS'), { status: 400 })
})
