/** The manifest of a backup: what a sound one says is read, and each field that says something else is refused. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DATABASE, digestAt, MANIFEST, readManifest, tableAt, tableFile } from './manifest.ts'

const HASH = 'ab'.repeat(32)
const BLOB = { path: `blobs/ab/${HASH.slice(2)}`, size: 3, sha256: HASH }
const FILE = { created_at: '2026-01-01T00:00:00.000Z', format: 1, files: [{ path: DATABASE, size: 1, sha256: HASH }] }
const TABLES = {
  created_at: '2026-01-01T00:00:00.000Z',
  format: 2,
  database: {
    kind: 'postgres',
    migrations: [{ number: 1, name: '0001_store.sql', sha256: HASH }],
    tables: [{ name: 'runs', rows: 2, columns: ['id', 'name'] }],
  },
  files: [{ path: 'tables/runs.copy', size: 1, sha256: HASH }],
}

function read(manifest: unknown, path = MANIFEST): ReturnType<typeof readManifest> {
  const bytes = Buffer.from(typeof manifest === 'string' ? manifest : JSON.stringify(manifest))
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 50) yield bytes.subarray(at, at + 50)
  }
  return readManifest({ path, size: bytes.length, executable: false, body: body() })
}

/** A copy with another value at a place of dots; undefined takes it away. */
function changed(source: unknown, place: string, value: unknown): unknown {
  const copy = structuredClone(source) as Record<string, unknown>
  const names = place.split('.')
  const last = names.pop() ?? ''
  const holder = names.reduce((at, name) => at[name] as Record<string, unknown>, copy)
  if (value === undefined) delete holder[last]
  else holder[last] = value
  return copy
}

describe('a manifest', () => {
  it('that is sound is read as it was written', async () => {
    assert.deepEqual(await read(FILE), FILE)
    assert.deepEqual(await read(TABLES), TABLES)
    const full = changed(FILE, 'files', [
      ...FILE.files,
      BLOB,
      { path: 'webhook.key', size: 32, sha256: HASH },
      { path: 'segments/gw.1-00000001.seg', size: 0, sha256: HASH },
      { path: 'segments/a_b-123456789.seg', size: 0, sha256: HASH },
      { path: 'llm/segments/gw.1-00000001.seg', size: 0, sha256: HASH },
    ])
    assert.deepEqual(await read(full), full)
  })

  it('comes first, and is JSON of a format that is known', async () => {
    await assert.rejects(read(FILE, DATABASE), /begins with slipway\.db and not with manifest\.json/)
    await assert.rejects(read('{"format":1'), /is not JSON/)
    for (const format of [0, 3, '1', null, undefined])
      await assert.rejects(read(changed(FILE, 'format', format)), /its format is/)
  })

  const fields: [unknown, string][] = [
    ...['files', 'files.0', 'files.0.path', 'files.0.size', 'files.0.sha256'].flatMap((place): [unknown, string][] => [
      [FILE, place],
      [TABLES, place],
    ]),
    ...[
      'database',
      'database.kind',
      'database.migrations',
      'database.migrations.0',
      'database.migrations.0.number',
      'database.migrations.0.name',
      'database.migrations.0.sha256',
      'database.tables',
      'database.tables.0',
      'database.tables.0.name',
      'database.tables.0.rows',
      'database.tables.0.columns',
      'database.tables.0.columns.0',
    ].map((place): [unknown, string] => [TABLES, place]),
  ]
  for (const [source, place] of fields) {
    it(`with another ${place} is malformed (format ${(source as { format: number }).format})`, async () => {
      for (const value of [null, true, {}])
        await assert.rejects(read(changed(source, place, value)), { code: 'bad_request', message: /malformed/ })
      if (!place.endsWith('.0')) await assert.rejects(read(changed(source, place, undefined)), /malformed/)
    })
  }

  it('names only what a backup holds', async () => {
    const named = (path: string, sha256 = HASH) =>
      read(changed(FILE, 'files', [...FILE.files, { path, size: 1, sha256 }]))
    for (const path of [
      '../evil',
      'slipway.db/x',
      'xslipway.db',
      'slipwayXdb',
      'server.lock',
      'token',
      'a/b.key',
      '.key',
      'tables/a-b.copy',
      'tables/a.copy.x',
      'tables/x/a.copy',
      'blobs/ab',
      `blobs/ab/${HASH}`,
      `blobs/AB/${HASH.slice(2)}`,
      `x/blobs/ab/${HASH.slice(2)}`,
      'segments/a-1234567.seg',
      'segments/a-12345678.segx',
      'segments/../a-12345678.seg',
      'x/segments/a-12345678.seg',
      'llm/llm/segments/a-12345678.seg',
    ])
      await assert.rejects(named(path), { code: 'bad_request', message: /its manifest names/ }, path)
    await named(BLOB.path)
    await assert.rejects(named(BLOB.path, 'cd'.repeat(32)), /its manifest names "blobs/)
  })

  it('names its database: the file, or every table', async () => {
    await assert.rejects(read(changed(FILE, 'files', [BLOB])), /names no slipway\.db/)
    await assert.rejects(read(changed(TABLES, 'files', FILE.files)), /names no tables\/runs\.copy/)
    await assert.rejects(
      read(changed(TABLES, 'database.tables.1', { name: 'more', rows: 0, columns: [] })),
      /names no tables\/more\.copy/,
    )
  })
})

describe('places in a backup', () => {
  it('of tables and blobs are told from their paths', () => {
    assert.equal(tableFile('run_tags'), 'tables/run_tags.copy')
    assert.equal(tableAt('tables/run_tags.copy'), 'run_tags')
    for (const other of ['tables/a.copy.x', 'x/tables/a.copy', 'tables/a-b.copy', 'slipway.db'])
      assert.equal(tableAt(other), undefined)
    assert.equal(digestAt(BLOB.path), `sha256:${HASH}`)
  })
})
