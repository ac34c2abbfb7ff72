/**
 * Moving in and out: a database of the real mlflow client, imported into a server on PostgreSQL, exported, imported into another on
 * SQLite, and all three compared.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { CallError } from '../../src/client/client.ts'
import { transferApi } from '../../src/contract/transfer.ts'
import { exportBundle } from '../../src/transfer/export.ts'
import { importBundle } from '../../src/transfer/import-bundle.ts'
import { mlflowDatabase } from '../../src/transfer/mlflow/database.ts'
import { sendSource } from '../../src/transfer/send.ts'
import type { Part, Report, Source } from '../../src/transfer/send.ts'
import { startPostgres } from '../postgres.ts'
import type { TestPostgres } from '../postgres.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { testEnv } from '../python-env.ts'
import { assertUntouched, PACKAGES, runClient, sum } from './moving.ts'

/** Runs in the source; SLIPWAY_TRANSFER_RUNS=1000 is what acceptance asks for. */
const RUNS = Number(process.env['SLIPWAY_TRANSFER_RUNS'] ?? 60)
const QUIET = { dryRun: false, progress: () => undefined }

let folder: string
let python: string
let postgres: TestPostgres
let first: TestServer
let second: TestServer
/** What the first server says once it has everything: each time that it is asked takes Python some seconds. */
let whole: unknown

/** Runs a Python program; its output is JSON. */
async function told(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<unknown> {
  return JSON.parse(await runClient(python, program, args, env))
}

const database = (): string => `sqlite:///${join(folder, 'mlflow.db')}`

/** Everything that the mlflow client can be told of a server or a database. */
function dump(uri: string, token = ''): Promise<unknown> {
  return told('mlflow_dump.py', [uri], token === '' ? {} : { MLFLOW_TRACKING_TOKEN: token })
}

async function bringIn(
  server: TestServer,
  change = (source: Source): Source => source,
  dryRun = false,
): Promise<Report> {
  const source = await mlflowDatabase(database(), undefined)
  try {
    return await sendSource(server.client, change(source), { ...QUIET, dryRun })
  } finally {
    await source.close()
  }
}

describe('moving in and out', () => {
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-transfer-'))
    python = process.env['SLIPWAY_MLFLOW_PYTHON'] ?? (await testEnv(PACKAGES))
    await told('mlflow_store.py', [folder, String(RUNS)])
    postgres = await startPostgres()
    first = await startTestServer({ env: { SLIPWAY_DATABASE_URL: postgres.url } })
    second = await startTestServer()
  })

  after(async () => {
    await first?.stop()
    await second?.stop()
    await postgres?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('a dry run counts and writes nothing', async () => {
    const report = await bringIn(first, undefined, true)
    assert.equal(report.tables['runs']?.added, RUNS)
    await assertUntouched(first)
  })

  test('an import that breaks in the middle goes on, and nothing is there twice', async () => {
    const broken = bringIn(first, (source) => ({ ...source, parts: () => cut(source, 2) }))
    await assert.rejects(broken, /the line was cut/)
    const report = await bringIn(first)
    assert.equal(report.parts_before, 2)
    const again = await bringIn(first)
    assert.equal(sum(again, 'added'), 0)
    assert.equal(again.tables['runs']?.same, RUNS)
  })

  test('the database and the server say the same to the mlflow client', async () => {
    whole = await dump(first.url, first.token)
    assert.deepEqual(whole, await dump(database()))
  })

  test('a bundle brings all of it to another server, which exports the same bytes', async () => {
    const [out, back] = [join(folder, 'all.tar'), join(folder, 'back.tar')]
    const exported = await exportBundle(first.client, out, {})
    await importBundle(second.client, out, QUIET)
    assert.deepEqual(await dump(second.url, second.token), whole)
    const returned = await exportBundle(second.client, back, {})
    assert.deepEqual(returned.entries, exported.entries)
    const again = await importBundle(second.client, back, QUIET)
    assert.equal(sum(again, 'added'), 0)
    assert.equal(again.files, 0)
  })

  test('a bundle that was changed is refused and the entry is named; nothing is sent', async () => {
    const bytes = await readFile(join(folder, 'all.tar'))
    const at = bytes.indexOf('größer')
    assert.ok(at > 0)
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    const bad = join(folder, 'bad.tar')
    await writeFile(bad, bytes)
    await assert.rejects(
      importBundle(second.client, bad, QUIET),
      /"tables\/run_params-00000\.jsonl" does not match its hash/,
    )
    const cutOff = join(folder, 'cut.tar')
    await writeFile(cutOff, bytes.subarray(0, bytes.length >> 1))
    await assert.rejects(importBundle(second.client, cutOff, QUIET), /no sound bundle|ends too early/)
  })

  test('rows that are here with other content are refused and named', async () => {
    const other = createHash('sha256').update('other').digest('hex').slice(0, 32)
    const { import: begun } = (await second.client.call(transferApi.begin, {
      body: { kind: 'mlflow', place: other },
    })) as {
      import: { id: string }
    }
    const { rows } = (await second.client.call(transferApi.read, {
      params: { table: 'runs' },
      query: { limit: 1 },
    })) as {
      rows: Record<string, string | number | null>[]
    }
    const [row] = rows
    assert.ok(row !== undefined)
    const write = second.client.call(transferApi.write, {
      params: { table: 'runs' },
      body: { import_id: begun.id, rows: [{ ...row, user_id: 'somebody' }] },
    })
    await assert.rejects(write, (error: unknown) => {
      assert.ok(error instanceof CallError)
      assert.equal(error.code, 'conflict')
      assert.match(error.message, /user_id is "ada" here and "somebody" in the import/)
      return true
    })
  })

  test('an export of one model holds its versions and the runs that they were made from', async () => {
    const manifest = await exportBundle(first.client, join(folder, 'model.tar'), { model: 'ranker' })
    assert.equal(manifest.rows['registered_models'], 1)
    assert.equal(manifest.rows['model_versions'], 4)
    // MLflow empties the run of a version that was deleted
    assert.equal(manifest.rows['runs'], 3)
    assert.ok((manifest.rows['logged_models'] ?? 0) >= 3)
    assert.equal(manifest.rows['traces'], 0)
  })
})

/** The first parts of a source, then a fault. */
async function* cut(source: Source, parts: number): AsyncGenerator<Part> {
  const iterator = source.parts()[Symbol.asyncIterator]()
  for (let at = 0; at < parts; at++) yield await nextPart(iterator)
  throw new Error('the line was cut')
}

async function nextPart<T>(iterator: AsyncIterator<T>): Promise<T> {
  const step = await iterator.next()
  assert.notEqual(step.done, true)
  return step.value as T
}
