/** A step that runs for the files of a source: each is given its file alone, and a file that changed is one item that runs. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { treeFiles } from '../../store/blobs/trees.ts'
import { itemText } from '../../contract/values/item-text.ts'
import { openFanned, type Fanned } from './fan.fixture.ts'

const CODE = 'def fit(csv, part, x=None): ...\ndef all(parts): ...\n'

interface Opened extends Fanned {
  readonly write: (files: Readonly<Record<string, string>>) => void
  readonly folder: string
  readonly project: (more?: string) => Record<string, string>
  /** Content of the file that each attempt was given, in the order of submission. */
  readonly given: () => Promise<string[]>
}

async function open(t: TestContext): Promise<Opened> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-fan-files-')))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const access = { folders: [folder], hidden: [], allow: [], index: 'http://127.0.0.1:9' }
  const fan = await openFanned(t, undefined, { sources: access })
  return Object.assign(fan, {
    folder,
    write: (files: Readonly<Record<string, string>>) => {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true })
        writeFileSync(join(folder, path), text)
      }
    },
    project: (more = ''): Record<string, string> => ({
      'slipway.yaml': `project: fan
sources: {raw: {file: ${folder}}}
pipeline: {steps: {fit: {run: "a:fit", inputs: {csv: "sources.raw[item]"}, outputs: [part], for_each: {files: sources.raw}${more}}}}
`,
      'a.py': CODE,
    }),
    given: async () => {
      const contents = fan.driver.submitted.map(async ({ inputs }) => {
        const [file, ...more] = await treeFiles(fan.store.blobs, inputs['csv'] ?? '')
        assert.deepEqual([file?.path, more], ['', []], 'a file, and nothing beside it')
        return String(await fan.store.blobs.bytes(file?.digest ?? ''))
      })
      return (await Promise.all(contents)).toSorted()
    },
  })
}

test('each file is an item by its path, and is given alone; a changed one, a new one and a renamed one run or not', async (t) => {
  const fan = await open(t)
  fan.write({ 'a.csv': 'a', '2024/ü "x" 01.csv': 'b', '2024/02.csv': 'c', _SUCCESS: '', '2024/.crc': 'no' })
  const first = await fan.end(await fan.begin(fan.project()))
  assert.equal(first.outcome, 'succeeded', first.message)
  assert.deepEqual(await fan.given(), ['a', 'b', 'c'])
  assert.deepEqual(
    (await fan.items(first.id)).map(({ item }) => itemText(item)),
    ['2024/02.csv', '2024/ü "x" 01.csv', 'a.csv'],
  )
  fan.write({ 'a.csv': 'a, changed' })
  const second = await fan.end(await fan.begin(fan.project()))
  assert.deepEqual(await fan.given(), ['a', 'a, changed', 'b', 'c'])
  assert.deepEqual(second.steps[0]?.items?.states, { cached: 2, succeeded: 1 })
  rmSync(join(fan.folder, '2024/02.csv'))
  fan.write({ 'moved.csv': 'c', 'new.csv': 'd' })
  const third = await fan.end(await fan.begin(fan.project()))
  assert.deepEqual(
    third.steps[0]?.items?.states,
    { cached: 3, succeeded: 1 },
    'the path is no param, so that a file may move',
  )
  assert.deepEqual(await fan.given(), ['a', 'a, changed', 'b', 'c', 'd'])
})

test('the path is a param like any other: a file that moved runs', async (t) => {
  const fan = await open(t)
  const project = fan.project(', params: {x: "{item.path}"}')
  fan.write({ 'a.csv': 'a' })
  await fan.end(await fan.begin(project))
  rmSync(join(fan.folder, 'a.csv'))
  fan.write({ 'b.csv': 'a' })
  await fan.end(await fan.begin(project))
  assert.deepEqual(fan.ran, ['a.csv', 'b.csv'])
})

test('a retry has the files of its run, whatever lies there by then, and runs only what failed', async (t) => {
  const fan = await open(t)
  const project = fan.project(', params: {x: "{item.path}"}')
  fan.write({ 'a.csv': 'a', 'b.csv': 'b', 'c.csv': 'c' })
  fan.answer = ({ params }) => (params['x'] === 'b.csv' ? { class: 'user', message: 'it broke', code: 1 } : {})
  const collected =
    project['slipway.yaml']?.replace('files: sources.raw', 'files: sources.raw, failures: {at_least: 3}, at_once: 1') ??
    ''
  const failed = await fan.end(await fan.begin({ ...project, 'slipway.yaml': collected }))
  assert.equal(failed.outcome, 'failed')
  assert.match(failed.message, /item 1 \(b\.csv\) failed: it broke/)
  fan.write({ 'a.csv': 'other', 'd.csv': 'd' })
  fan.answer = () => ({})
  const retried = await fan.end(await fan.retry(failed.id))
  assert.equal(retried.outcome, 'succeeded', retried.message)
  assert.deepEqual(retried.steps[0]?.items?.states, { cached: 1, succeeded: 2 })
  assert.deepEqual(await fan.given(), ['a', 'b', 'b', 'c'])
})

test('a folder of marks alone is a success over nothing', async (t) => {
  const fan = await open(t)
  fan.write({ _SUCCESS: '' })
  const run = await fan.end(await fan.begin(fan.project()))
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.deepEqual(run.steps[0]?.items, { count: 0, states: {}, needed: 0 })
})

test('a source that cannot be read ends the step that runs for it', async (t) => {
  const fan = await open(t)
  rmSync(fan.folder, { recursive: true })
  const run = await fan.end(await fan.begin(fan.project()))
  assert.equal(run.outcome, 'failed')
  assert.match(run.steps[0]?.failure?.message ?? '', /source "raw": there is no file or folder/)
})

test('a plan says how many files would run, of content that no run has read yet', async (t) => {
  const fan = await open(t)
  const said = async (): Promise<string> => {
    const [fit] = await fan.plan(fan.project())
    return `${fit?.decision}: ${fit?.reason}`
  }
  fan.write({ 'a.csv': 'a', 'b.csv': 'b' })
  assert.equal(await said(), 'run: results of 0 of 2 items are taken; the others run: the step has not run before')
  await fan.end(await fan.begin(fan.project()))
  assert.equal(await said(), 'cached: nothing changed: results of all 2 items are taken')
  fan.write({ 'b.csv': 'changed' })
  assert.match(
    await said(),
    /^run: results of 1 of 2 items are taken; the others run: items 2 \(\w{12}\) → 2 \(\w{12}\)$/,
  )
  rmSync(fan.folder, { recursive: true })
  assert.match(await said(), /^unknown: the run would not begin: source "raw": there is no file or folder/)
})
