/** A CatBoost model becomes a version: it is exported in its own environment, kept, and the gateway answers as MLflow does. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { auditLog } from '../../src/auth/audit.ts'
import type { Principal } from '../../src/contract/access.ts'
import { makeIds } from '../../src/contract/ids.ts'
import { Worker } from '../../src/jobs/worker.ts'
import { handleLowering, versionFiles } from '../../src/registry/lowering/lowering.ts'
import { getVersion, registryDigests } from '../../src/registry/versions/read.ts'
import { registerVersion } from '../../src/registry/versions/register.ts'
import { requireVersion } from '../../src/registry/context/context.ts'
import type { Registry } from '../../src/registry/context/context.ts'
import { onnxServing } from '../../src/scoring/onnx/prove.ts'
import { places } from '../../src/serving/fleet/places.ts'
import { readyVersion } from '../../src/serving/endpoints/preparation.ts'
import { openTemporaryStore } from '../../src/store/open.ts'
import { neededDigests } from '../../src/store/blobs/reach.ts'
import { putTree } from '../../src/store/blobs/trees.ts'
import { serveModels } from '../clients/gateway.ts'
import { EXPORTED } from '../clients/packages.ts'
import { testEnv, testEnvFolder } from '../python-env.ts'
import { until } from '../until.ts'

const SCRIPT = join(import.meta.dirname, '../../python/tests/matrix_export.py')
const ONLY = 'CatBoostRegressor, (whole|Poisson)|three classes|export'
/** A row of the models' table, and what MLflow answers it: `NAME -> [rows, answers]`. */
const ASK = `
import json, sys, mlflow.pyfunc, numpy as np, pandas as pd
names = json.load(open(sys.argv[1] + "/names.json"))
told = {}
for i, name in enumerate(names):
    model = mlflow.pyfunc.load_model(f"{sys.argv[1]}/{i}/model")
    columns = model.metadata.signature.inputs.input_names()
    rows = pd.DataFrame(np.random.default_rng(5).normal(size=(50, len(columns))), columns=columns)
    if "n" in columns:
        rows["n"] = np.arange(50)
    told[name] = [rows.to_dict(orient="records"), np.asarray(model.predict(rows)).tolist()]
print(json.dumps(told))
`
const root: Principal = { id: 'root', name: 'root', role: 'admin', project: null, token_id: null }
const python = await testEnv(EXPORTED.catboost).catch((error: Error) => error)
const skip = python instanceof Error ? `CatBoost cannot be had: ${python.message.split('\n')[0]}` : false

describe('a model that is exported to ONNX', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'export-'))
  const serving = onnxServing(testEnvFolder())
  const run = promisify(execFile)
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  let room: Registry
  let told: Record<string, [Record<string, unknown>[], unknown[]]>
  let names: string[]

  before(async () => {
    store = await openTemporaryStore()
    const ids = makeIds(Date.now, randomBytes)
    const modelsDir = join(store.dataDir, 'models')
    room = { ...store, clock: Date.now, ids, audit: auditLog(Date.now), modelsDir }
    await run(python as string, ['-B', SCRIPT, folder, '--only', ONLY])
    names = JSON.parse(readFileSync(join(folder, 'names.json'), 'utf8')) as string[]
    told = JSON.parse(
      (await run(python as string, ['-B', '-c', ASK, folder], { maxBuffer: 1e8 })).stdout,
    ) as typeof told
    for (const i of names.keys()) await register(`m${i}`, join(folder, `${i}`, 'model'))
    await lowerAll()
  })
  after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function register(model: string, dir: string): Promise<void> {
    const { digest: tree } = await putTree(store.blobs, dir)
    const none = {
      run_id: null,
      pipeline_run_id: null,
      environment: null,
      evaluation: null,
      holdout: null,
      reference: null,
    }
    await registerVersion(room, root, {
      project: 'default',
      model,
      tree,
      ...none,
      metrics: {},
      data: [],
      gates: [],
      deployment: null,
    })
  }

  async function lowerAll(): Promise<void> {
    const worker = new Worker(store.db, { backoffMs: 1, pollMs: 10 })
    const { prove: proveOnnx, exporting } = serving
    const verify = async () => ({ ok: false, n: 0, worst_ulp: 0, reason: 'never asked' })
    handleLowering(room, worker, { python: async () => python as string, verify, proveOnnx, exporting })
    worker.start()
    const open = "SELECT id FROM jobs WHERE kind = 'lower' AND state IN ('waiting', 'running')"
    await until('the end of the jobs', async () => (await store.db.get(open)) === undefined)
    await worker.stop()
  }

  const modelOf = (name: string): string => `m${names.indexOf(name)}`

  /** What a gateway answers to the rows of a model, beside MLflow's own answers. */
  async function ask(
    name: string,
    rows?: readonly Record<string, unknown>[],
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const ports = {
      workers: 1,
      memoryMb: 1000,
      versionFiles: (model: string, version: string) =>
        versionFiles(room, { python: async () => python as string }, model, version),
      onnxRuntime: serving.onnxRuntime,
    }
    const gateway = await serveModels([
      { name: 'm', ...(await readyVersion({ places: places(ports) }, modelOf(name), '1')) },
    ])
    try {
      const body = JSON.stringify({ inputs: rows ?? told[name]?.[0] })
      const headers = { 'content-type': 'application/json' }
      const reply = await fetch(`http://${gateway.http}/v1/endpoints/m:predict`, { method: 'POST', headers, body })
      return { status: reply.status, body: (await reply.json()) as Record<string, unknown> }
    } finally {
      await gateway.stop()
    }
  }

  it('answers numbers within the tolerance, and refuses a missing value where Python does', async () => {
    const name = 'CatBoostRegressor, whole numbers'
    const { lowering } = await getVersion(room, root, modelOf(name), '1')
    assert.deepEqual([lowering.state, lowering.reason, lowering.onnx?.origin], ['onnx', null, 'exported'])
    assert.ok((lowering.probes ?? 0) >= 2000)
    assert.ok((lowering.onnx?.deviation ?? 1) < 1e-4)
    const { body } = await ask(name)
    const wanted = told[name]?.[1] as number[]
    for (const [i, got] of (body['predictions'] as number[]).entries())
      assert.ok(
        Math.abs(got - wanted[i]!) <= 1e-5 * Math.max(1, Math.abs(wanted[i]!)),
        `row ${i}: ${got}, ${wanted[i]}`,
      )
    const refused = await ask(name, [{ ...told[name]?.[0][0], n: null }])
    assert.equal(refused.status, 400)
    assert.match(JSON.stringify(refused.body), /"n".*takes none that is missing/)
    assert.equal((await ask(name, [{ ...told[name]?.[0][0], a: null }])).status, 200)
  })

  it('answers the labels of three classes in the form that MLflow gives them', async () => {
    const name = 'CatBoostClassifier, three classes'
    const { body } = await ask(name)
    assert.deepEqual(body['predictions'], told[name]?.[1])
    assert.ok((body['predictions'] as unknown[]).every((one) => Array.isArray(one) && one.length === 1))
  })

  it("serves a user's own export where it answers alike, and never one that does not", async () => {
    const given = 'CatBoostRegressor with an export beside it'
    const { lowering } = await getVersion(room, root, modelOf(given), '1')
    assert.deepEqual([lowering.state, lowering.onnx?.path], ['onnx', 'extra_files/model.onnx'])
    const bytes = readFileSync(join(folder, `${names.indexOf(given)}`, 'model.onnx'))
    assert.equal(lowering.onnx?.digest, `sha256:${createHash('sha256').update(bytes).digest('hex')}`)
    assert.equal((await ask(given)).status, 200)
    for (const other of ["CatBoostRegressor with another's export", 'CatBoostRegressor, Poisson']) {
      const row = await requireVersion(store.db, modelOf(other), '1')
      assert.equal(row.lowering_state, 'python')
      assert.match(
        row.lowering_reason ?? '',
        /does not answer as the Python model does: output "predictions", row \d+: the graph/,
      )
    }
  })

  it('keeps the graph among the blobs that are needed, and lays it out again where it is gone', async () => {
    const name = 'CatBoostClassifier, three classes'
    const { lowering, tree } = await getVersion(room, root, modelOf(name), '1')
    const needed = new Set<string>()
    for await (const digest of neededDigests(room.blobs, [() => registryDigests(room.db)])) needed.add(digest)
    assert.ok(needed.has(lowering.onnx?.digest ?? ''))
    const place = join(room.modelsDir, `${(tree ?? '').replace(':', '-')}.onnx`)
    rmSync(place, { recursive: true })
    assert.equal((await ask(name)).status, 200)
    const laid = readFileSync(join(place, `${lowering.onnx?.digest.replace(':', '-')}.onnx`))
    assert.equal(`sha256:${createHash('sha256').update(laid).digest('hex')}`, lowering.onnx?.digest)
  })
})
