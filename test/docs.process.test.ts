/** The documentation says what the code does: generated pages, settings, links and file names, each compared both ways. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { COMMANDS } from '../src/cli/commands.ts'
import { CONFIG } from '../src/cli/invocation/config.ts'
import { ERRORS } from '../src/contract/errors.ts'
import { difference, referencePages } from './reference.ts'
import { sources } from './rooms.ts'

const root = resolve(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const pages = await referencePages(root)

for (const [path, text] of pages) {
  if (path === 'ARCHITECTURE.md') continue // its table has a test of its own, which names the edge that differs
  test(`${path} is in step with the code (mend: npm run docs)`, () => {
    const have = existsSync(join(root, path)) ? read(path) : ''
    assert.equal(have === text, true, difference(path, have, text))
  })
}

/** The first cells of the tables of a page, without their backticks. */
function firstCells(path: string): string[] {
  return [...(pages.get(path) ?? '').matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '')
}

test('errors, settings and commands are each in their page, and nothing else is', () => {
  assert.deepEqual(firstCells('docs/reference/errors.md'), Object.keys(ERRORS))
  assert.deepEqual(
    firstCells('docs/reference/configuration.md'),
    CONFIG.map((row) => row.key),
  )
  const headings = [...(pages.get('docs/reference/cli.md') ?? '').matchAll(/^## (.+)$/gm)].map((match) => match[1])
  assert.deepEqual(
    headings,
    COMMANDS.map((command) => command.name),
  )
})

test('every route of the page is in openapi.json, and the other way round', () => {
  const { paths } = JSON.parse(pages.get('docs/reference/openapi.json') ?? '{}') as { paths: Record<string, object> }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  )
  assert.ok(described.length > 0)
  assert.deepEqual(firstCells('docs/reference/routes.md').sort(), described.sort())
})

test('each command can be loaded and has an example that begins with its name', async () => {
  for (const command of COMMANDS) {
    assert.equal(typeof (await command.load()).run, 'function', command.name)
    assert.match(command.example, new RegExp(`slipway ${command.name}\\b`), command.name)
  }
})

test('every SLIPWAY_ variable that the server or the command line reads is in the configuration table, and the other way round', () => {
  const known = new Set(CONFIG.map((row) => row.key))
  const readers = sources(join(root, 'src')).filter((file) => !file.endsWith('cli/invocation/config.ts'))
  const used = new Set<string>()
  const unknown: string[] = []
  for (const file of readers) {
    const text = readFileSync(file, 'utf8')
    for (const [name] of text.matchAll(/SLIPWAY_\w+/g)) used.add(name)
    for (const [, name = ''] of text.matchAll(/(?:\benv\[|\benv\.|config\()'?(SLIPWAY_\w+)/g)) {
      if (!known.has(name)) unknown.push(`${relative(root, file)} reads ${name}`)
    }
  }
  assert.deepEqual(unknown, [], 'add the variable to src/cli/invocation/config.ts')
  assert.deepEqual(
    [...known].filter((name) => !used.has(name)),
    [],
    'a documented variable that nothing knows',
  )
})

test('links between pages lead somewhere', () => {
  const dead = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root }).flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)/g)]
      .filter(([, target = '']) => !existsSync(resolve(root, dirname(page), target)))
      .map(([, target]) => `${page} -> ${target}`),
  )
  assert.deepEqual(dead, [])
})

test('every file that ARCHITECTURE.md and CONTRIBUTING.md name exists', () => {
  const missing = ['ARCHITECTURE.md', 'CONTRIBUTING.md'].flatMap((page) =>
    [...read(page).matchAll(/`((?:src|test|web|docs|python|examples|bench)\/[\w./-]*)`/g)]
      .map((match) => match[1] ?? '')
      .filter((path) => !existsSync(join(root, path)))
      .map((path) => `${page} names ${path}`),
  )
  assert.deepEqual(missing, [])
})

test('CHANGELOG lines are typed and name an area', () => {
  const lines = [...read('CHANGELOG.md').matchAll(/^- (.*)$/gm)].map((match) => match[1] ?? '')
  assert.ok(lines.length > 0)
  const shape = /^\[(CHANGE|FEATURE|ENHANCEMENT|PERF|BUGFIX|SECURITY)\] [a-z]+: \S/
  assert.deepEqual(
    lines.filter((line) => !shape.test(line)),
    [],
  )
})

test('a page out of step is told by the lines that differ', () => {
  assert.equal(difference('docs/a.md', 'same\nold\n', 'same\nnew\n'), 'a.md is out of step:\n+ new\n- old')
})

test('each decision has a number of its own, from 1 on, and says it in its heading', () => {
  const files = globSync('docs/decisions/*.md', { cwd: root }).toSorted()
  assert.deepEqual(
    files.map((file) => Number(/(\d{4})-[\w-]+\.md$/.exec(file)?.[1])),
    files.map((_, at) => at + 1),
  )
  for (const [at, file] of files.entries()) assert.match(read(file), new RegExp(`^# (?:0*${at + 1})\\. `), file)
})
