/** Runs of pipelines with declared sources, in a room with real steps and a real store. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import type { PinnedSource } from '../../contract/runs/sources.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import { ANA, openBench, untilRun, type BeginOptions, type Bench } from '../bench.fixture.ts'
import type { PipelinesDeps, SourceAccess } from '../context/deps.ts'
import { reproduceRun, requireRun, retryRun } from '../run/runs.ts'
import type { RunView } from '../run/view.ts'

export interface Sourced {
  readonly bench: Bench
  /** A folder from which sources may be read. */
  readonly folder: string
  /** Starts a run whose one step copies the source `given` to its output, and waits for its end. */
  readonly run: (source: object, options?: BeginOptions) => Promise<RunView>
  /** Starts one and does not wait. */
  readonly begin: (source: object) => Promise<string>
  /** What the step got, by path. */
  readonly got: (run: RunView) => Promise<Record<string, string>>
  /** The proof of a run, ended. */
  readonly proof: (run: RunView) => Promise<RunView>
  readonly retry: (run: RunView) => Promise<RunView>
}

/** The step leaves what it got, and how often it ran is told by its cache. */
const CODE = `import pathlib, shutil
def copy(given, out):
    if given.is_dir():
        shutil.copytree(given, out)
    else:
        shutil.copyfile(given, out)
`

export function files(source: object): Record<string, string> {
  const steps = { copy: { run: 'steps:copy', inputs: { given: 'sources.given' }, outputs: ['out'] } }
  return {
    'slipway.yaml': JSON.stringify({ project: 'sourced', sources: { given: source }, pipeline: { steps } }),
    'steps.py': CODE,
  }
}

export interface Reached extends Partial<SourceAccess> {
  readonly secrets?: Readonly<Record<string, string>>
  /** Where the room keeps its tables; default a file. */
  readonly tables?: string
}

/** Opens a room that reaches what `reached` says, besides the folder. */
export async function sourced(
  t: TestContext,
  { secrets = {}, tables, ...reached }: Reached = {},
  changes: Partial<PipelinesDeps> = {},
): Promise<Sourced> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-sources-')))
  const folder = join(root, 'open')
  mkdirSync(folder)
  const dataDir = join(root, 'data')
  const access = { folders: [folder], hidden: [dataDir], allow: [], index: 'http://127.0.0.1:9/simple', ...reached }
  const bench = await openBench(
    dataDir,
    () => ({
      sources: access,
      secret: (_project, name) => Promise.resolve(secrets[name]),
      ...changes,
    }),
    tables,
  )
  t.after(async () => {
    await bench.close()
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  })
  const { context } = bench.room
  return {
    bench,
    folder,
    run: async (source, options) => bench.end(await bench.begin(files(source), options)),
    begin: (source) => bench.begin(files(source)),
    async got(run) {
      const digest = run.steps[0]?.outputs['out']?.digest
      assert.ok(digest !== undefined, JSON.stringify(run.steps[0]?.failure ?? run.message))
      const { blobs } = bench.store
      const found = await treeFiles(blobs, digest)
      return Object.fromEntries(
        await Promise.all(found.map(async (file) => [file.path, String(await blobs.bytes(file.digest))])),
      )
    },
    async proof(run) {
      const tree = await requireRun(context, ANA, run.id)
      const { id, proof } = await reproduceRun(context, ANA, tree, { tolerance: 0, dry_run: false })
      assert.ok(id !== null, JSON.stringify(proof))
      bench.room.wake(id)
      return bench.end(id)
    },
    async retry(run) {
      const id = await retryRun(context, ANA, await requireRun(context, ANA, run.id))
      bench.room.wake(id)
      return bench.end(id)
    },
  }
}

/** What the run had of its one source. */
export function pinned({ sources }: RunView): PinnedSource {
  const [one] = sources ?? []
  assert.ok(one !== undefined, 'the run has no source')
  return one
}

/** Why the run did not succeed. */
export function failure(run: RunView): string {
  assert.notEqual(run.state, 'succeeded')
  return run.steps.map((step) => step.failure?.message ?? '').find((text) => text !== '') ?? ''
}

const isTriedAgain = ({ message }: RunView): boolean => /tried again \(try \d of 6\)/.test(message)

/** Why a run's sources are read again later. It is told between two tries alone: the clock of the room has to stand. */
export async function triedAgain(bench: Bench, run: string): Promise<string> {
  return (await untilRun(bench, run, isTriedAgain, 'it is to be tried again')).message
}

/** Makes files old enough that their times tell whether they change. */
export function settle(...paths: string[]): void {
  const at = new Date(Date.now() - 60_000)
  for (const path of paths) utimesSync(path, at, at)
}

/** Writes a file of a source whose time of change has passed: it cannot be set back, and only then is the file not read again. */
export async function settledFile(folder: string, text: string): Promise<string> {
  const path = join(folder, 'a.txt')
  writeFileSync(path, text)
  settle(path)
  await untilSettled(path)
  return path
}

/** Waits until a file has not changed for longer than the steps in which file systems count. */
export async function untilSettled(path: string): Promise<void> {
  // by the clock: what the file system says of itself has to pass
  await until(`the time of change of ${path} has passed`, () => Date.now() - 2600 > statSync(path).ctimeMs)
}

/** A web server for a test; `host` is how it has to be allowed. */
export async function serving(
  t: TestContext,
  answer: (request: IncomingMessage, reply: ServerResponse) => void,
): Promise<{ url: string; host: string }> {
  const server = createServer(answer)
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: `http://${host}`, host }
}
