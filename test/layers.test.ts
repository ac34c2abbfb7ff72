/** The rules of the house that a compiler does not hold: which room imports which, who writes which table, names of folders. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { edges, existingRooms, importsOf, readTable, ROOMS, roomOf, sources } from './rooms.ts'
import { tableOwners, tablesWritten } from './rooms.ts'

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

test('a room imports only rooms above it', () => {
  const down = real.filter((edge) => order.indexOf(edge.to) >= order.indexOf(edge.from))
  assert.deepEqual(
    down.map((edge) => `${edge.file} -> ${edge.target}`),
    [],
  )
})

test('only the room.ts beside it, or app.ts, imports a routes.ts', () => {
  const wrong = sources(src).flatMap((file) =>
    importsOf(readFileSync(file, 'utf8'))
      .filter((target) => basename(target) === 'routes.ts' && roomOf(src, file) !== 'app.ts')
      .filter((target) => target !== './routes.ts' || basename(file) !== 'room.ts')
      .map((target) => `${relative(root, file)} -> ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('web imports only contract, client and stats of src', () => {
  const allowed = new Set(['contract', 'client', 'stats'])
  const wrong = sources(web).flatMap((file) =>
    importsOf(readFileSync(file, 'utf8'))
      .map((target) => resolve(dirname(file), target))
      .filter(
        (target) =>
          !target.startsWith(`${web}/`) && !(target.startsWith(`${src}/`) && allowed.has(roomOf(src, target))),
      )
      .map((target) => `${relative(root, file)} -> ${relative(root, target)}`),
  )
  assert.deepEqual(wrong, [])
})

test('a table is written only by its own room', () => {
  const owners = tableOwners(src)
  const wrong = sources(src).flatMap((file) =>
    tablesWritten(readFileSync(file, 'utf8'))
      .filter((table) => owners.has(table) && owners.get(table) !== roomOf(src, file))
      .map((table) => `${relative(root, file)} writes ${table} of ${owners.get(table)}`),
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

test('no folder or file has a name that says nothing', () => {
  const vague = /^(utils?|helpers?|common|shared|core|lib|misc|index)(\.tsx?)?$/
  const found = ['src', 'web', 'test', 'bench', 'python'].flatMap((top) =>
    globSync('**/*', { cwd: join(root, top), exclude: (name) => name === 'node_modules' || name === '__pycache__' })
      .filter((path) => vague.test(basename(path)))
      .map((path) => join(top, path)),
  )
  assert.deepEqual(found, [])
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

test('imports and writes are found in each form', () => {
  const text = `import type { A } from './a.ts'\nimport './b.ts'\nimport {\n  C,\n} from "../c.ts"\nawait import('./d.ts')
    new Worker(new URL('./e.ts', import.meta.url))\nexport { F } from './f.ts'\nimport x from 'node:fs'`
  assert.deepEqual(importsOf(text), ['./a.ts', './b.ts', '../c.ts', './d.ts', './e.ts', './f.ts'])
  const sql = `INSERT OR REPLACE INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1; UPDATE b SET x = 1;
    DELETE FROM c; SELECT * FROM d FOR UPDATE`
  assert.deepEqual(tablesWritten(`${sql} db.builder.insertInto('e') .updateTable('f')`), ['a', 'b', 'c', 'e', 'f'])
})
