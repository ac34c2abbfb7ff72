/** A server for tests of joins and materialisations, with declared sources in a folder and what callers do to it. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { startTestApp } from '../../../test/app.ts'
import { until } from '../../../test/until.ts'
import { createClient, type Client } from '../../client/client.ts'
import { dataSetsApi } from '../../contract/data/sets.ts'
import { featuresApi } from '../../contract/features/catalogue.ts'
import { featureJobsApi, type FeatureJob } from '../../contract/features/jobs.ts'
import { FeaturesSection } from '../../contract/features/section.ts'
import type { App, AppOptions } from '../../options.ts'
import { writeArchive } from '../../store/blobs/archive.ts'

export interface Bench {
  readonly app: App
  readonly client: Client
  readonly dataDir: string
  /** A folder from which sources may be read. */
  readonly folder: string
  /** Writes a file of it, and gives its path. */
  readonly write: (name: string, content: string | Uint8Array) => string
}

/** Starts a server that reads sources below a folder of its own; it ends with the test. */
export async function openBench(t: TestContext, options: Partial<AppOptions> = {}): Promise<Bench> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-feature-jobs-')))
  const [dataDir, folder] = [join(root, 'data'), join(root, 'open')]
  for (const path of [dataDir, folder]) mkdirSync(path)
  const app = await startTestApp({ dataDir, sourceFolders: [folder], ...options })
  t.after(async () => {
    await app.stop()
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  })
  return { app, client: clientOf(app.url, app.tokenFile), dataDir, folder, write: writing(folder) }
}

export function clientOf(url: string, tokenFile: string): Client {
  return createClient({ url, token: readFileSync(tokenFile, 'utf8').trim() })
}

export function writing(folder: string): Bench['write'] {
  return (name, content) => {
    const path = join(folder, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, content)
    return path
  }
}

/** Applies a section with its sources; returns how each definition changed. */
export async function apply(client: Client, features: object, sources: object, project?: string): Promise<string[]> {
  const body = { features: FeaturesSection.parse(features), sources: { ...sources }, ...(project && { project }) }
  const { changes } = await client.call(featuresApi.applyFeatures, { body })
  return changes.map(({ name, version }) => `${name}@${version}`)
}

export async function upload(client: Client, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const packed = Object.entries(files).map(([path, content]) => ({
    path,
    size: Buffer.byteLength(content),
    executable: false,
    source: () => Readable.from([Buffer.from(content)]),
  }))
  const body = Readable.toWeb(Readable.from(writeArchive(packed)))
  return (await client.call(dataSetsApi.uploadData, { body })).digest
}

/** A job, once it has ended. */
export function ended(client: Client, { id }: { readonly id: string }): Promise<FeatureJob> {
  return until(`the end of job ${id}`, async () => {
    const job = await client.call(featureJobsApi.getFeatureJob, { params: { id } })
    return job.ended_at !== null && job
  })
}

/** One that succeeded. */
export async function done(client: Client, job: { readonly id: string }): Promise<FeatureJob> {
  const found = await ended(client, job)
  assert.deepEqual([found.state, found.reason], ['done', ''])
  return found
}

/** Rows of a parquet file, as values of JavaScript; whole numbers of 64 bits are bigints. */
export async function rowsOf(path: string, columns = '*'): Promise<unknown[]> {
  return query(`SELECT ${columns} FROM read_parquet('${path}')`)
}

/** Has DuckDB write a table as a parquet file. */
export async function parquet(path: string, select: string): Promise<void> {
  await query(`COPY (${select}) TO '${path}' (FORMAT parquet)`)
}

async function query(sql: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create()
  const duck = await instance.connect()
  try {
    return (await duck.runAndReadAll(sql)).getRowObjectsJS()
  } finally {
    duck.closeSync()
    instance.closeSync()
  }
}
