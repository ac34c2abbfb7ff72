/** The rules of the house that a compiler does not hold: which room imports which, who writes which table, names of folders. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { folderPairs } from './house/circles.ts'
import { EXCEPTIONS, FOLDER_PAIRS } from './house/exceptions.ts'
import { sourceFiles } from './house/files.ts'
import { climbs, faultsOf, flows, SHORT_FLOWS } from './house/flows.ts'
import { importsBetween, importsOf } from './house/imports.ts'
import { breaches, compare, RULES } from './house/rules.ts'
import { readMigrations } from '../src/store/migrate.ts'
import { edges, existingRooms, readTable, ROOMS, roomOf, sources, tableOwners } from './rooms.ts'

const root = resolve(import.meta.dirname, '..')
const src = join(root, 'src')
const web = join(root, 'web')
const order = ROOMS.map(([name]) => name)
const real = edges(src)
const drawn = readTable(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))

test('ARCHITECTURE.md draws the rooms and their imports as they are (mend: node test/generate-docs.ts --architecture)', () => {
  const actual = order
    .filter((room) => existingRooms(src).includes(room))
    .map((room) => [room, [...new Set(real.filter((edge) => edge.from === room).map((edge) => edge.to))].sort()])
  assert.deepEqual(drawn, actual)
})

test('every room is known', () => {
  assert.deepEqual(
    existingRooms(src).filter((room) => !order.includes(room)),
    [],
    'a new room needs a line in test/rooms.ts',
  )
})

const MOVED = ' (after files were moved: npm run figures -- --exceptions)'

for (const rule of RULES) {
  test(`${rule.name}: ${rule.says}`, () => {
    const listed = EXCEPTIONS.filter((line) => line.split(' | ')[1] === rule.name)
    const { added, gone } = compare(breaches(root, [rule]), listed)
    assert.deepEqual(added, [], `${rule.says}; mend these places, the list of exceptions may only shrink${MOVED}`)
    assert.deepEqual(gone, [], `mended: delete these lines from test/house/exceptions.ts${MOVED}`)
  })
}

test('the exceptions are sorted, known and listed once', () => {
  assert.deepEqual(EXCEPTIONS, [...new Set(EXCEPTIONS)].sort())
  const names = RULES.map((rule) => rule.name)
  assert.deepEqual(
    EXCEPTIONS.filter((line) => !names.includes(line.split(' | ')[1] ?? '')),
    [],
  )
})

test('the pairs of folders that may import each other are five at most, and do', () => {
  const pairs = folderPairs(importsBetween(root, sourceFiles(root))).map((pair) => pair.join(' <-> '))
  assert.ok(FOLDER_PAIRS.length <= 5)
  assert.deepEqual(
    FOLDER_PAIRS.filter(({ pair, reason }) => !pairs.includes(pair) || reason === ''),
    [],
  )
})

test('files of flows in ARCHITECTURE.md exist; short flows have ten at most, joined, and climb as often as is told', () => {
  const drawn = flows(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))
  const named = drawn.flatMap(({ steps }) => steps.flatMap(({ files }) => files))
  assert.deepEqual(
    named.filter((file) => !existsSync(join(root, file))),
    [],
  )
  const short = Object.keys(SHORT_FLOWS).map(
    (wanted) => drawn.find(({ name }) => name === wanted) ?? { name: wanted, steps: [] },
  )
  assert.deepEqual(
    short.flatMap((flow) => (flow.steps.length === 0 ? `${flow.name} is not drawn` : faultsOf(root, flow))),
    [],
  )
  assert.deepEqual(
    Object.fromEntries(short.map((flow) => [flow.name, climbs(flow)])),
    SHORT_FLOWS,
    'a flow comes back to a room above more or less often than ARCHITECTURE.md explains',
  )
})

test('web imports only contract, client and stats of src', () => {
  const allowed = new Set(['contract', 'client', 'stats'])
  const wrong = sources(web).flatMap((file) =>
    importsOf(readFileSync(file, 'utf8'))
      .map(({ target }) => resolve(dirname(file), target))
      .filter(
        (target) =>
          !target.startsWith(`${web}/`) && !(target.startsWith(`${src}/`) && allowed.has(roomOf(src, target))),
      )
      .map((target) => `${relative(root, file)} -> ${relative(root, target)}`),
  )
  assert.deepEqual(wrong, [])
})

test('each migration belongs to a room that may exist', () => {
  const owners = tableOwners(src)
  assert.ok(owners.size > 0)
  assert.deepEqual(
    [...owners].filter(([, room]) => !order.includes(room)),
    [],
  )
})

test('no two migrations have the same number, also where two branches come together', () => {
  const numbers = readMigrations(join(src, 'store', 'migrations')).map((migration) => migration.number)
  assert.equal(new Set(numbers).size, numbers.length)
})

test('each source file opens with a comment that says what it is for', () => {
  const silent = [...sources(src), ...sources(web)].filter(
    (file) => !/^(#!.*\n)?\/\*\*/.test(readFileSync(file, 'utf8')),
  )
  assert.deepEqual(
    silent.map((file) => relative(root, file)),
    [],
  )
})
