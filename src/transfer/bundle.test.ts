/** Bundles under tampering: whatever is changed, left out, moved or added is named, and nothing of it reaches a server. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { Client } from '../client/client.ts'
import { writeArchive } from '../store/blobs/archive.ts'
import { MANIFEST, manifestOf, readBundle } from './bundle.ts'
import type { BundleEntry, Manifest } from './bundle.ts'
import { importBundle } from './import-bundle.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-bundle-'))
after(() => rmSync(root, { recursive: true, force: true }))

interface Packed {
  readonly path: string
  readonly text: string
}

const sha = (text: string): string => createHash('sha256').update(text).digest('hex')
const MODEL = 'the bytes of a model'
const FILES: readonly Packed[] = [
  { path: `blobs/${sha(MODEL)}`, text: MODEL },
  { path: 'tables/experiments-00000.jsonl', text: '{"id":"1"}\n{"id":"2"}\n' },
  { path: 'tables/runs-00000.jsonl', text: '{"id":"r1"}\n' },
]

function manifest(files: readonly Packed[] = FILES): Manifest {
  return manifestOf({
    created_at: '2026-05-03T10:00:00.000Z',
    scope: 'all',
    rows: { experiments: 2, runs: 1 },
    entries: files.map(({ path, text }) => ({ path, size: Buffer.byteLength(text), sha256: sha(text) })),
  })
}

let made = 0
async function pack(files: readonly Packed[]): Promise<string> {
  const path = join(root, `b${made++}.tar`)
  const chunks: Uint8Array[] = []
  const packed = files.map(({ path: name, text }) => ({
    path: name,
    size: Buffer.byteLength(text),
    executable: false,
    source: async function* () {
      yield Buffer.from(text)
    },
  }))
  for await (const chunk of writeArchive(packed)) chunks.push(chunk)
  writeFileSync(path, Buffer.concat(chunks))
  return path
}

function bundle(files: readonly Packed[] = FILES, head: unknown = manifest()): Promise<string> {
  return pack([{ path: MANIFEST, text: typeof head === 'string' ? head : JSON.stringify(head) }, ...files])
}

/** A client that must not be asked. */
const calls: string[] = []
const NOBODY = {
  url: 'http://nobody',
  call: (route: { path: string }) => {
    calls.push(route.path)
    return Promise.reject(new Error('a damaged bundle is sent'))
  },
  open: () => Promise.reject(new Error('a damaged bundle is sent')),
} as unknown as Client

async function refusal(file: string): Promise<string> {
  const failed = (promise: Promise<unknown>): Promise<Error & { code?: string }> =>
    promise.then(
      () => assert.fail('the bundle is taken'),
      (error: Error) => error,
    )
  const read = await failed(readBundle(file, async () => undefined))
  const imported = await failed(importBundle(NOBODY, file, { dryRun: false, progress: () => undefined }))
  assert.deepEqual([read.code, imported.code], ['bad_request', 'bad_request'])
  assert.equal(imported.message, read.message)
  assert.deepEqual(calls, [])
  return read.message
}

const [BLOB, EXPERIMENTS, RUNS] = FILES as [Packed, Packed, Packed]

describe('a bundle', () => {
  it('is read in the order of its manifest, whether its bytes are asked for or not', async () => {
    const read: [string, string][] = []
    const found = await readBundle(await bundle(), async ({ path }, bytes) => {
      if (path.startsWith('blobs/')) return
      const chunks: Uint8Array[] = []
      for await (const chunk of bytes) chunks.push(chunk)
      read.push([path, Buffer.concat(chunks).toString()])
    })
    assert.deepEqual(
      read,
      [EXPERIMENTS, RUNS].map(({ path, text }) => [path, text]),
    )
    assert.deepEqual(found, manifest())
  })

  it('may be empty', async () => {
    assert.deepEqual((await readBundle(await bundle([], manifest([])), async () => undefined)).entries, [])
  })

  it('has a chain that the order, the names, the sizes, the hashes and the head all enter', () => {
    const { format: _format, head, ...parts } = manifest()
    const heads = new Set([head])
    const [first, ...rest] = parts.entries as [BundleEntry, ...BundleEntry[]]
    const changed: Partial<Manifest>[] = [
      { created_at: '2026-05-03T10:00:00.001Z' },
      { scope: 'experiment 1' },
      { rows: { experiments: 2, runs: 2 } },
      { entries: rest },
      { entries: parts.entries.toReversed() },
      { entries: [{ ...first, size: first.size + 1 }, ...rest] },
      { entries: [{ ...first, path: `${first.path}0` }, ...rest] },
      { entries: [{ ...first, sha256: sha('') }, ...rest] },
    ]
    for (const change of changed) heads.add(manifestOf({ ...parts, ...change }).head)
    assert.equal(heads.size, changed.length + 1)
    assert.equal(manifestOf(parts).head, head)
  })

  it('that is not there is named', async () => {
    const file = join(root, 'nowhere.tar')
    await assert.rejects(
      readBundle(file, async () => undefined),
      { code: 'not_found', message: /nowhere\.tar/ },
    )
  })
})

describe('a bundle is refused, and nothing is sent,', () => {
  const cases: readonly (readonly [what: string, make: () => Promise<string>, said: RegExp])[] = [
    ['when it holds nothing', () => pack([]), /the first entry is not manifest\.json/],
    ['when its manifest is not the first', () => pack(FILES), /the first entry is not manifest\.json/],
    ['when its manifest is no JSON', () => bundle(FILES, '{"format":'), /the manifest cannot be read/],
    ['when its manifest is null', () => bundle(FILES, 'null'), /the manifest cannot be read/],
    [
      'when its manifest has no entries',
      () => bundle(FILES, '{"format":"slipway-bundle-1","rows":{}}'),
      /the manifest/,
    ],
    ['of another format', () => bundle(FILES, { ...manifest(), format: 'x-2' }), /its format is "x-2"/],
    ['when its scope is changed', () => bundle(FILES, { ...manifest(), scope: 'run 7' }), /does not match its chain/],
    ['when a count is changed', () => bundle(FILES, { ...manifest(), rows: { runs: 9 } }), /does not match its chain/],
    ['when its head is changed', () => bundle(FILES, { ...manifest(), head: sha('') }), /does not match its chain/],
    [
      'when an entry is taken out of the manifest and the file',
      () => bundle(FILES.slice(1), { ...manifest(), entries: manifest().entries.slice(1) }),
      /does not match its chain/,
    ],
    [
      'when a byte of rows is changed',
      () => bundle([BLOB, { ...EXPERIMENTS, text: EXPERIMENTS.text.replace('2', '3') }, RUNS]),
      /"tables\/experiments-00000\.jsonl" does not match its hash/,
    ],
    [
      'when a byte of the last entry is changed',
      () => bundle([BLOB, EXPERIMENTS, { ...RUNS, text: RUNS.text.replace('r1', 'r2') }]),
      /"tables\/runs-00000\.jsonl" does not match its hash/,
    ],
    [
      'when a byte of a blob is changed',
      () => bundle([{ ...BLOB, text: MODEL.toUpperCase() }, EXPERIMENTS, RUNS]),
      /"blobs\/[0-9a-f]{64}" does not match its hash/,
    ],
    [
      'when an entry is longer',
      () => bundle([BLOB, { ...EXPERIMENTS, text: `${EXPERIMENTS.text}{}\n` }, RUNS]),
      /has 25 bytes, expected 22/,
    ],
    ['when the last entry is missing', () => bundle([BLOB, EXPERIMENTS]), /"tables\/runs-00000\.jsonl" is missing/],
    [
      'when an entry in the midst is missing',
      () => bundle([BLOB, RUNS]),
      /"tables\/runs-00000\.jsonl" stands where "tables\/experiments-00000\.jsonl" belongs/,
    ],
    ['when two entries change places', () => bundle([BLOB, RUNS, EXPERIMENTS]), /stands where/],
    [
      'when there is an entry too many',
      () => bundle([...FILES, { path: 'tables/runs-00001.jsonl', text: '{}\n' }]),
      /"tables\/runs-00001\.jsonl" is not in the manifest/,
    ],
    ['when an entry is there twice', () => bundle([...FILES, RUNS]), /twice|not in the manifest/],
  ]
  for (const [what, make, said] of cases)
    it(what, async () => {
      assert.match(await refusal(await make()), said)
    })

  it('when it is cut off anywhere', async () => {
    const full = readFileSync(await bundle())
    for (let at = 0; at < full.length - 1024; at += 256) {
      const file = join(root, 'cut.tar')
      writeFileSync(file, full.subarray(0, at))
      await refusal(file)
    }
  })

  for (const path of ['tables/Runs-00000.jsonl', 'tables/runs-0.jsonl', 'rows.jsonl', `blobs/${sha('other')}`])
    it(`when a sound manifest names ${path}`, async () => {
      const files = [{ path, text: 'x' }]
      const file = await bundle(files, manifest(files))
      const wanted = { code: 'bad_request', message: /is not a name of an entry/ }
      await assert.rejects(importBundle(NOBODY, file, { dryRun: false, progress: () => undefined }), wanted)
      assert.deepEqual(calls, [])
    })
})
