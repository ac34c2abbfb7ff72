/** What differs between two runs, part by part, from tags, params, metrics, datasets and the record that a run left. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { migratedSqlite } from '../../test/databases.ts'
import { putArtifact } from './artifacts/artifacts.ts'
import { logBatch } from './batches/batch.ts'
import { refused } from './bench.cases.ts'
import type { Bench } from './bench.cases.ts'
import { diffRuns, PARTS } from './diff.ts'
import type { Part, PartDiff } from './diff.ts'
import { createExperiment } from './experiments/experiments.ts'
import { logInputs } from './models/inputs.ts'
import { createRun, setRunStage } from './runs/runs.ts'
import { describeTracking } from './suites.cases.ts'

describeTracking('the difference between two runs', migratedSqlite, [diffCases])

interface Given {
  readonly tags?: Readonly<Record<string, string>>
  readonly params?: Readonly<Record<string, string>>
  readonly metrics?: Readonly<Record<string, number>>
  readonly datasets?: Readonly<Record<string, string>>
  /** The text of `slipway/record.json`. */
  readonly record?: string
}

const pairs = (given: Readonly<Record<string, string>> = {}) =>
  Object.entries(given).map(([key, value]) => ({ key, value }))

function diffCases(bench: Bench): void {
  const make = async (given: Given, who = bench.root): Promise<string> => {
    const experiment_id = await createExperiment(bench.room, who, { name: `diff ${Math.random()}` })
    const { run_id } = await createRun(bench.room, who, { experiment_id })
    const metrics = Object.entries(given.metrics ?? {}).map(([key, value]) => ({ key, value, timestamp: 1, step: 1 }))
    await logBatch(bench.room, who, run_id, { tags: pairs(given.tags), params: pairs(given.params), metrics })
    const datasets = Object.entries(given.datasets ?? {}).map(([name, digest]) => ({
      tags: [],
      dataset: { name, digest, source_type: 'local', source: '{}' },
    }))
    if (datasets.length > 0) await logInputs(bench.room, who, run_id, { datasets, models: [] })
    if (given.record !== undefined)
      await putArtifact(
        bench.room,
        who,
        `${experiment_id}/${run_id}/artifacts/slipway/record.json`,
        Buffer.from(given.record),
      )
    return run_id
  }
  const diffed = async (left: Given, right: Given): Promise<PartDiff[]> =>
    diffRuns(bench.room, bench.root, await make(left), await make(right))
  /** The parts of which something is known: `state: key left right, …`. */
  const told = async (left: Given, right: Given): Promise<Partial<Record<Part, string>>> => {
    const known = (await diffed(left, right)).filter((one) => one.state !== 'unknown')
    return Object.fromEntries(
      known.map(({ part, state, changes }) => [
        part,
        [state, ...changes.map((one) => `${one.key} ${one.left} ${one.right}`)].join(': '),
      ]),
    )
  }
  const record = (more: object): Given => ({ record: JSON.stringify(more) })

  describe('what is compared', () => {
    it('is every part, in one order, also where nothing is known of it', async () => {
      const parts = await diffed({}, {})
      assert.deepEqual(
        parts,
        PARTS.map((part) => ({ part, state: 'unknown', changes: [] })),
      )
    })

    it('is the commit: the record’s own, or else the one that MLflow notes', async () => {
      const [own, git] = [{ 'slipway.record.commit': 'a1' }, { 'mlflow.source.git.commit': 'b2' }]
      assert.deepEqual(await told({ tags: own }, { tags: { ...own, ...git } }), { code: 'same', patch: 'same' })
      assert.deepEqual(await told({ tags: git }, { tags: { 'mlflow.source.git.commit': 'c3' } }), {
        code: 'changed: commit b2 c3',
      })
      assert.deepEqual(await told({ tags: git }, {}), { code: 'changed: commit b2 null' })
    })

    it('is the patch, which a run with a commit and none says it has none of', async () => {
      const tags = { 'slipway.record.commit': 'a1' }
      const patched = { ...tags, 'slipway.record.patch': 'sha256:p' }
      assert.equal((await told({ tags }, { tags: patched })).patch, 'changed: patch none sha256:p')
      assert.equal((await told({ tags }, { tags })).patch, 'same')
      assert.equal((await told({}, { tags })).patch, 'changed: patch null none')
    })

    it('are params, those of a pipeline’s step among them, which give way to the run’s own', async () => {
      const step = { 'slipway.param.depth': '3', 'slipway.param.rate': '0.1' }
      assert.deepEqual(await told({ tags: step }, { params: { depth: '3', rate: '0.2' } }), {
        params: 'changed: rate 0.1 0.2',
      })
      assert.deepEqual(await told({ tags: step, params: { depth: '9' } }, { tags: step }), {
        params: 'changed: depth 9 3',
      })
    })

    it('is the seed by whatever name it was given, the record’s before the others', async () => {
      const seeds: [Given, string][] = [
        [{ tags: { 'slipway.record.seed': '1' }, params: { seed: '2' } }, '1'],
        [{ params: { seed: '2', random_state: '3' } }, '2'],
        [{ params: { random_state: '3' } }, '3'],
      ]
      for (const [given, seed] of seeds) assert.equal((await told(given, {})).seed, `changed: seed ${seed} null`)
    })

    it('are the arguments, and the last value of each metric, NaN as such', async () => {
      const argv = { 'slipway.record.argv': '["a"]' }
      assert.deepEqual(await told({ tags: argv, metrics: { auc: 0.5, loss: Number.NaN } }, { metrics: { loss: 1 } }), {
        arguments: 'changed: argv ["a"] null',
        metrics: 'changed: auc 0.5 null: loss NaN 1',
      })
      assert.deepEqual(await told({ metrics: { loss: Number.NaN } }, { metrics: { loss: Number.NaN } }), {
        metrics: 'same',
      })
    })

    it('are datasets by name, and the data that the record names', async () => {
      const left = { datasets: { train: 'd1', test: 'd2' }, ...record({ data: { raw: 'sha256:1' } }) }
      const right = { datasets: { train: 'd1', test: 'd3' }, ...record({ data: { raw: 'sha256:2' } }) }
      assert.deepEqual(await told(left, right), { data: 'changed: raw sha256:1 sha256:2: test d2 d3' })
    })

    it('are code, packages and machine from the record, file by file and package by package', async () => {
      const python = (version: string) => ({ 'slipway.record.python': version })
      const left = {
        tags: python('3.11'),
        ...record({
          code: { 'a.py': '1', 'b.py': '2' },
          packages: { numpy: '2.0' },
          lock: 'l1',
          hardware: { cores: 4 },
        }),
      }
      const right = {
        tags: python('3.12'),
        ...record({
          code: { 'a.py': '1', 'c.py': '3' },
          packages: { numpy: '2.1' },
          lock: 'l1',
          hardware: { cores: 8 },
        }),
      }
      assert.deepEqual(await told(left, right), {
        code: 'changed: b.py 2 null: c.py null 3',
        environment: 'changed: numpy 2.0 2.1: python 3.11 3.12',
        hardware: 'changed: cores 4 8',
      })
    })

    it('names that every object has are names like others', async () => {
      const params = Object.fromEntries(['constructor', 'toString', 'hasOwnProperty'].map((name) => [name, 'x']))
      const wanted = 'changed: constructor x null: hasOwnProperty x null: toString x null'
      assert.deepEqual(await told({ params }, {}), { params: wanted })
      assert.deepEqual(await told({ params: { depth: '1' } }, { params: { depth: '1' } }), { params: 'same' })
      const odd = record(JSON.parse('{"packages": {"__proto__": "1.0"}}') as object)
      assert.deepEqual(await told(odd, record({ packages: { numpy: '1' } })), {
        environment: 'changed: __proto__ 1.0 null: numpy null 1',
      })
    })
  })

  describe('a record', () => {
    it('that cannot be read, or is none, is passed over, and one that is too large too', async () => {
      const large = JSON.stringify({ packages: { numpy: '1' }, filling: 'x'.repeat(4 * 1024 * 1024) })
      for (const text of ['{', 'null', '7', '"text"', '[]', '{"packages": 7, "code": null, "lock": 5}', large])
        assert.deepEqual(await told({ record: text }, {}), {}, text.slice(0, 40))
      const just = JSON.stringify({ packages: { numpy: '1' }, filling: 'x'.repeat(4 * 1024 * 1024 - 39) })
      assert.equal(Buffer.byteLength(just), 4 * 1024 * 1024)
      assert.deepEqual(await told({ record: just }, {}), { environment: 'changed: numpy 1 null' })
    })

    it('whose bytes are gone is a fault of the server and no missing record', async () => {
      const left = await make(record({ packages: { numpy: '1' } }))
      const row = await bench.room.db.get<{ digest: string }>(
        "SELECT digest FROM artifacts WHERE path = 'slipway/record.json' ORDER BY updated_at DESC, owner DESC LIMIT 1",
      )
      assert.ok(row !== undefined)
      const blobs = { ...bench.room.blobs, bytes: () => Promise.reject(new Error('the disk is gone')) }
      await assert.rejects(diffRuns({ ...bench.room, blobs }, bench.root, left, left), /the disk is gone/)
    })
  })

  it('a run of another project, and one that is not there, is refused on either side; a deleted one is not', async () => {
    const [ours, theirs] = [await make({}, bench.member('red')), await make({}, bench.member('blue'))]
    const red = bench.member('red')
    for (const other of [theirs, 'no-such-run'])
      for (const [left, right] of [
        [ours, other],
        [other, ours],
      ] as const)
        await refused(diffRuns(bench.room, red, left, right), 'RESOURCE_DOES_NOT_EXIST', /not found/)
    await setRunStage(bench.room, red, ours, 'deleted')
    assert.equal((await diffRuns(bench.room, red, ours, ours)).length, PARTS.length)
  })
}
