/** The files of a wandb run: which are taken, which later one stands for an earlier, and what lies outside or leads there. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { Client } from '../../client/client.ts'
import { trackingApi } from '../../contract/tracking.ts'
import { transferApi } from '../../contract/transfer.ts'
import { sendSource } from '../send.ts'
import { wandbFolder } from './folder.ts'
import { exit, field, history, item, recordFile, runRecord } from './record-file.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-wandb-files-'))
after(() => rmSync(root, { recursive: true, force: true }))

const NO_EXPERIMENTS = { call: async () => ({ items: [] }) } as unknown as Client

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

let made = 0
/** A run with these records and files. */
function runWith(records: readonly Buffer[], files: Readonly<Record<string, string>> = {}): string {
  const folder = join(root, `w${made++}`, 'run-20260503_101500-abc')
  mkdirSync(join(folder, 'files'), { recursive: true })
  for (const [path, text] of Object.entries(files)) write(join(folder, 'files', path), text)
  writeFileSync(join(folder, 'run-abc.wandb'), recordFile([runRecord({ 1: 'abc' }), ...records, exit(0, 1)]))
  return folder
}

interface Files {
  readonly texts: Record<string, string>
  readonly owners: ReadonlySet<string>
  readonly notes: readonly string[]
}

async function filesOf(place: string, follow = false): Promise<Files> {
  const source = await wandbFolder(NO_EXPERIMENTS, place, { follow })
  const texts: Record<string, string> = {}
  const owners = new Set<string>()
  for await (const part of source.parts())
    for await (const { path, owner, open } of part.files()) {
      const chunks: Uint8Array[] = []
      for await (const chunk of open()) chunks.push(chunk)
      texts[path] = Buffer.concat(chunks).toString()
      owners.add(owner)
    }
  return { texts, owners, notes: source.notes ?? [] }
}

/** The record of a logged artifact with one entry, and further fields. */
function artifact(name: string, entry: Readonly<Record<number, string>>, ...more: readonly Buffer[]): Buffer {
  const fields = Object.entries(entry).map(([number, text]) => field(Number(number), text))
  return field(8, field(4, 'model'), field(5, name), field(11, 'latest'), field(12, field(4, ...fields)), ...more)
}

describe('the files of a wandb run', () => {
  it('are those below its folder, each with its path and its bytes', async () => {
    const given = { 'output.log': 'hello\n', 'media/images/a.png': 'png', empty: '', 'ü.txt': 'ü' }
    const { texts, owners, notes } = await filesOf(runWith([], given))
    assert.deepEqual(texts, given)
    assert.deepEqual(notes, [])
    const [owner = ''] = owners
    assert.match(owner, /^\d{18}\/[0-9a-f]{32}$/)
    assert.equal(owners.size, 1)
  })

  it('of a resumed run are those of all parts, the later ones where two have a name', async () => {
    const first = runWith([], { 'output.log': 'first', 'old.txt': 'old' })
    const later = join(dirname(first), 'run-20260503_111500-abc')
    write(join(later, 'files/output.log'), 'second')
    writeFileSync(join(later, 'run-abc.wandb'), recordFile([runRecord({ 1: 'abc' })]))
    assert.deepEqual((await filesOf(dirname(first))).texts, { 'output.log': 'second', 'old.txt': 'old' })
  })

  it('are without what links lead to, unless that is asked for', async () => {
    const outside = write(join(root, 'outside/weights.bin'), 'weights')
    const folder = runWith([], { 'a.txt': 'a' })
    symlinkSync(outside, join(folder, 'files/weights.bin'))
    symlinkSync(join(root, 'gone'), join(folder, 'files/gone.bin'))
    symlinkSync(dirname(outside), join(folder, 'files/folder'))
    const told = ['folder', 'gone.bin', 'weights.bin'].map(
      (name) => `run abc: ${name} lies outside the run's folder and is left out; --follow takes it`,
    )
    const left = await filesOf(folder)
    assert.deepEqual([left.texts, left.notes], [{ 'a.txt': 'a' }, told])
    const followed = await filesOf(folder, true)
    assert.deepEqual(followed.texts, { 'a.txt': 'a', 'weights.bin': 'weights' })
    assert.deepEqual(
      followed.notes,
      ['folder', 'gone.bin'].map((name) => `run abc: ${name} is not here any more: ${join(folder, 'files', name)}`),
    )
  })

  it('have the text and media of the history in lines of their own', async () => {
    const records = [
      history(item('_step', '0'), item('_timestamp', '1700000000.25'), item('loss', '1')),
      history(item('_step', '1'), item('_timestamp', '1700000001'), item('loss', '2'), item('note', '"hi"')),
      history(
        item('_step', '2'),
        item('image', '{"_type": "image-file", "path": "media/a.png"}'),
        item('list', '[1, "x"]'),
      ),
    ]
    const { texts } = await filesOf(runWith(records))
    assert.deepEqual(Object.keys(texts), ['wandb/history.jsonl'])
    const lines = (texts['wandb/history.jsonl'] ?? '').trimEnd().split('\n')
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      [
        { _step: 1, _timestamp: 1_700_000_001, note: 'hi' },
        { _step: 2, _timestamp: 0, image: { _type: 'image-file', path: 'media/a.png' }, list: [1, 'x'] },
      ],
    )
    assert.deepEqual((await filesOf(runWith(records.slice(0, 1)))).texts, {}, 'numbers alone need no file')
  })

  it('tell the artifacts that were logged, whose files come only when that is asked for', async () => {
    const staged = write(join(root, 'staging/model.bin'), 'model')
    const folder = runWith([
      artifact('net', { 1: 'model.bin', 2: 'digest', 6: staged }),
      artifact('remote', { 1: 'data.csv', 3: 's3://bucket/data.csv' }),
      artifact('lost', { 1: 'x.bin', 6: join(root, 'staging/gone.bin') }),
    ])
    const { texts, notes } = await filesOf(folder)
    assert.deepEqual(Object.keys(texts), ['wandb/artifacts.json'])
    const told = JSON.parse(texts['wandb/artifacts.json'] ?? '') as { name: string; type: string; entries: unknown[] }[]
    assert.deepEqual(
      told.map(({ name, type, entries }) => [name, type, entries.length]),
      ['net', 'remote', 'lost'].map((name) => [name, 'model', 1]),
    )
    assert.deepEqual(told[1]?.entries, [{ path: 'data.csv', ref: 's3://bucket/data.csv' }])
    assert.deepEqual(
      notes.map((note) => note.split(' ')[2]),
      ['wandb/artifacts/net/v0/model.bin', 'wandb/artifacts/lost/v0/x.bin'],
    )
    const followed = await filesOf(folder, true)
    assert.equal(followed.texts['wandb/artifacts/net/v0/model.bin'], 'model')
    assert.deepEqual(followed.notes, [
      `run abc: wandb/artifacts/lost/v0/x.bin is not here any more: ${join(root, 'staging/gone.bin')}`,
    ])
  })

  it('of each version of an artifact are kept, and the same content is the same version', async () => {
    const staged = ['one', 'two'].map((text) => write(join(root, `staging/${text}/data.txt`), text))
    const logged = (at: number, alias: string): Buffer =>
      artifact('ds', { 1: 'data.txt', 6: staged[at] ?? '' }, field(6, `digest ${at}`), field(11, alias))
    const { texts } = await filesOf(runWith([logged(0, 'a'), logged(1, 'b'), logged(0, 'c')]), true)
    assert.equal(texts['wandb/artifacts/ds/v0/data.txt'], 'one')
    assert.equal(texts['wandb/artifacts/ds/v1/data.txt'], 'two')
    const told = JSON.parse(texts['wandb/artifacts.json'] ?? '') as { version: string; aliases: string[] }[]
    assert.deepEqual(
      told.map(({ version, aliases }) => [version, aliases.at(-1)]),
      [
        ['v0', 'a'],
        ['v1', 'b'],
        ['v0', 'c'],
      ],
    )
  })

  it('hold the values of steps that no metric holds, digit by digit, and the import says so', async () => {
    const records = ['9007199254740991', '9007199254740992', '4611686018427387904'].map((step) =>
      history(item('_step', step), item('_timestamp', '1700000000'), item('loss', '0.5')),
    )
    const folder = runWith(records)
    const source = await wandbFolder(NO_EXPERIMENTS, folder, { follow: false })
    const steps: unknown[] = []
    for await (const part of source.parts())
      for await (const [table, rows] of part.rows())
        if (table === 'metric_points') steps.push(...rows.map((row) => [row['key'], row['step']]))
    assert.deepEqual(steps, [['loss', Number.MAX_SAFE_INTEGER]])
    assert.deepEqual(source.notes, [
      'run abc: 2 of its steps lie beyond 9007199254740991, which no metric holds here; their values are in wandb/history.jsonl',
    ])
    const lines = (await filesOf(folder)).texts['wandb/history.jsonl'] ?? ''
    assert.deepEqual(lines.trimEnd().split('\n'), [
      '{"_step":9007199254740992,"_timestamp":1700000000,"loss":0.5}',
      '{"_step":4611686018427387904,"_timestamp":1700000000,"loss":0.5}',
    ])
  })

  it('never come to a place outside of the run, whatever an artifact says', async () => {
    const staged = write(join(root, 'staging/evil'), 'evil')
    const paths = [
      ['../../../up', 'x'],
      ['net', '../../../../../up'],
      ['..', 'up'],
    ] as const
    const folder = runWith(
      paths.map(([name, path]) => artifact(name, { 1: path, 6: staged })),
      { good: 'good' },
    )
    const taken: string[] = []
    const call = async (route: unknown, { body }: { body: { rows: { path?: string }[] } }): Promise<unknown> => {
      if (route === trackingApi.listExperiments) return { items: [] }
      if (route === transferApi.begin) return { import: { id: 'i1' }, parts: [] }
      if (route === transferApi.parts) return {}
      if (route === transferApi.putBlob) {
        const hash = createHash('sha256')
        for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) hash.update(chunk)
        return { digest: `sha256:${hash.digest('hex')}`, size: 1 }
      }
      taken.push(...body.rows.flatMap(({ path }) => path ?? []))
      return { added: body.rows.length, same: 0, changed: 0, kept: [] }
    }
    const client = { call } as unknown as Client
    const source = await wandbFolder(client, folder, { follow: true })
    const { notes } = await sendSource(client, source, { dryRun: false, progress: () => undefined })
    assert.deepEqual(taken, ['good', 'wandb/artifacts.json'])
    assert.equal(
      notes.filter((note) => note.includes('is left out, since no artifact may be called so')).length,
      paths.length,
    )
  })
})
