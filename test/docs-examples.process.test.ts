/** What the guides tell to type exists: project files are accepted, commands and their flags are known, routes are there. */
import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { COMMON } from '../src/cli/invocation/command.ts'
import { COMMANDS } from '../src/cli/commands.ts'
import { sectionFaults } from '../src/cli/features/section.ts'
import { readProjectFile } from '../src/cli/project/file/project-file.ts'
import { parseProject, readFeatures } from '../src/pipelines/spec/parse.ts'
import { referencePages } from './reference.ts'

const root = resolve(import.meta.dirname, '..')
const PAGES = globSync(['README.md', 'SECURITY.md', 'docs/*.md', 'docs/guides/*.md', 'examples/**/*.md'], { cwd: root })

interface Block {
  readonly page: string
  readonly language: string
  readonly text: string
}

const blocks: readonly Block[] = PAGES.flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```(\w*)\n(.*?)^```/gms)].map(
    ([, language = '', text = '']) => ({ page, language, text }),
  ),
)

/** A whole project around a part of one that a guide shows. */
const REST = `
project: example
pipeline:
  steps:
    prepare: {run: [python, prepare.py], params: {train_until: "", holdout_until: "", exclude: []}, outputs: [train]}
    train: {run: [python, train.py], inputs: {train: prepare.train}, outputs: [model]}
model: {name: example, from: train.model}
endpoint: {name: example}
`

test('every project file in the guides is accepted', () => {
  // a list of guardrails is held against its schema by the test of guardrails
  const files = blocks.filter(
    ({ language, text }) =>
      language === 'yaml' && !/^(?:(?:scrape_configs|apiVersion|livenessProbe):|# guardrails\.yaml)/.test(text),
  )
  assert.ok(files.length >= 5, `${files.length} blocks of YAML`)
  for (const { page, text } of files) {
    const whole = text.startsWith('project:') ? text : JSON.stringify({ ...parse(REST), ...parse(text) })
    const read = readFeatures(whole)
    assert.deepEqual([...read.faults, ...sectionFaults(whole, read).faults], [], `${page}:\n${text}`)
  }
})

const PROGRAMS: Readonly<Record<string, string>> = { python: 'slipway_pipeline.py', typescript: 'slipway_pipeline.ts' }

test('every pipeline in Python and TypeScript in the guides is accepted', async () => {
  const files = blocks.filter(({ language, text }) => language in PROGRAMS && /slipway[./]pipeline/.test(text))
  assert.equal(new Set(files.map(({ language }) => language)).size, 2)
  for (const { page, text, language } of files) {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-docs-'))
    writeFileSync(join(folder, PROGRAMS[language] ?? ''), text)
    const { faults, text: yaml } = await readProjectFile(folder)
    rmSync(folder, { recursive: true })
    assert.deepEqual(faults, [], page)
    assert.doesNotThrow(() => parseProject(yaml, page), `${page}:\n${yaml}`)
  }
})

/** Lines that call slipway: the command's name, its flags, and the page. A comment ends a line. */
function calls(): { page: string; name: string; flags: string[]; line: string }[] {
  const code = blocks
    .filter((block) => block.language === '')
    .flatMap(({ page, text }) => text.split('\n').map((line) => ({ page, line: line.replace(/\s#.*$/, '') })))
  const inline = PAGES.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/`((?:\.\/)?slipway [^`]+)`/g)].map(([, line = '']) => ({
      page,
      line,
    })),
  )
  return [...code, ...inline].flatMap(({ page, line }) =>
    [...line.matchAll(/(?:^|[\s"(;])(?:\.\/)?slipway ([a-z]+(?:-[a-z]+)*)([^|)&]*)/g)].map(
      ([, name = '', rest = '']) => ({
        page,
        name,
        flags: [...rest.matchAll(/\s--([a-z][a-z-]*)/g)].map(([, flag = '']) => flag),
        line,
      }),
    ),
  )
}

test('every command and flag in the guides exists', () => {
  const found = calls()
  assert.ok(found.length > 40, `${found.length} calls`)
  const wrong = found.flatMap(({ page, name, flags, line }) => {
    if (name === 'test') return []
    const command = COMMANDS.find((one) => one.name === name)
    if (command === undefined) return [`${page}: ${line}: no command ${name}`]
    const known = new Set([...command.flags, ...COMMON].map((flag) => flag.name))
    return flags.filter((flag) => !known.has(flag)).map((flag) => `${page}: ${line}: no flag --${flag}`)
  })
  assert.deepEqual(wrong, [])
})

test('every command is told of in a guide', () => {
  const told = new Set(calls().map((call) => call.name))
  assert.deepEqual(
    COMMANDS.map((command) => command.name).filter((name) => !told.has(name)),
    [],
  )
})

test('every route of the API that a guide names exists', async () => {
  const page = (await referencePages(root)).get('docs/reference/routes.md') ?? ''
  const shape = (path: string): string => path.replace(/:[a-z]+|\b[A-Z]{2,}\b/g, '*')
  const known = new Set(
    [...page.matchAll(/^\| `([A-Z]+) (\S+)`/gm)].map(([, method, path = '']) => `${method} ${shape(path)}`),
  )
  const named = PAGES.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/`(GET|POST|PUT|DELETE) (\/v1\/[^`\s?]+)`/g)]
      .filter(([, , path = '']) => !path.endsWith(':predict'))
      .map(([, method, path = '']) => ({ file, call: `${method} ${shape(path)}` })),
  )
  assert.ok(named.length > 8, `${named.length} routes`)
  assert.deepEqual(
    named.filter(({ call }) => !known.has(call)),
    [],
  )
})
