/** Runs that repeat others, plans and the age of data: what of a source they take. */
import assert from 'node:assert/strict'
import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { collectGarbage } from '../../store/blobs/collect.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import { ANA } from '../bench.fixture.ts'
import { compileSpec } from '../spec/spec.ts'
import { planRun } from '../plan/plan.ts'
import { reproduceRun, requireRun } from '../run/runs.ts'
import { failure, files, pinned, serving, settle, settledFile, sourced } from './sources.fixture.ts'

describe('proofs and retries', () => {
  test('a proof runs on what was read then, though the source has changed or is gone: equal to the byte', async (t) => {
    const { folder, run, got, proof } = await sourced(t)
    const path = join(folder, 'a.txt')
    writeFileSync(path, 'then')
    const first = await run({ file: path })
    writeFileSync(path, 'now, and longer')
    const proved = await proof(first)
    assert.equal(proved.reproduction?.grade, 'A', JSON.stringify(proved.reproduction))
    assert.deepEqual(await got(proved), { '': 'then' })
    assert.equal(pinned(proved).digest, pinned(first).digest)
    rmSync(path)
    assert.equal((await proof(first)).reproduction?.grade, 'A')
    assert.match(failure(await run({ file: path })), /there is no file/)
  })

  test('where what a source gave is no longer kept, the proof names it', async (t) => {
    const { folder, run, bench } = await sourced(t)
    const path = join(folder, 'a.txt')
    writeFileSync(path, 'then')
    const first = await run({ file: path })
    await bench.store.blobs.delete(pinned(first).digest)
    const tree = await requireRun(bench.room.context, ANA, first.id)
    const { id, proof } = await reproduceRun(bench.room.context, ANA, tree, { tolerance: 0, dry_run: true })
    assert.deepEqual([id, proof.grade], [null, 'D'])
    assert.match(proof.missing.join(), /what source "given" gave/)
  })

  test('garbage collection keeps what a run had of its sources', async (t) => {
    const { folder, run, proof, bench } = await sourced(t)
    const path = join(folder, 'a.txt')
    writeFileSync(path, 'kept')
    const first = await run({ file: path })
    const { db, blobs } = bench.store
    const other = await blobs.put(Buffer.from('nobody needs this'))
    let later = Date.now() + 1000
    const clock = (): number => ++later
    for (let i = 0; i < 2; i++) await collectGarbage({ db, blobs, clock }, [bench.room.needed], { graceMs: 0 })
    assert.deepEqual([await blobs.has(other.digest), await blobs.has(pinned(first).digest)], [false, true])
    writeFileSync(path, 'other')
    assert.equal((await proof(first)).reproduction?.grade, 'A')
  })

  test('a retry of a run that failed has its data; a new run reads anew', async (t) => {
    const { folder, bench, retry } = await sourced(t)
    const path = join(folder, 'a.txt')
    writeFileSync(path, 'then')
    const broken = { ...files({ file: path }), 'steps.py': 'def copy(given, out):\n    raise ValueError("no")\n' }
    const first = await bench.end(await bench.begin(broken))
    assert.equal(first.state, 'failed')
    writeFileSync(path, 'now')
    const second = await retry(first)
    assert.equal(second.state, 'failed')
    assert.notEqual(pinned(await bench.end(await bench.begin(files({ file: path })))).digest, pinned(first).digest)
  })
})

test('a step for each of some items hands each of them the source, and none runs again until it changes', async (t) => {
  const { folder, bench } = await sourced(t)
  const path = join(folder, 'a.txt')
  const given = {
    'slipway.yaml': JSON.stringify({
      project: 'each',
      sources: { given: { file: path } },
      pipeline: {
        steps: {
          fit: {
            run: 'steps:fit',
            for_each: { item: ['a', 'b'] },
            params: { name: '{item}' },
            inputs: { given: 'sources.given' },
            outputs: ['out'],
          },
          all: { run: 'steps:join', inputs: { parts: 'fit.out[*]' }, outputs: ['one'] },
        },
      },
    }),
    'steps.py': `def fit(given, name, out):
    out.write_text(name + given.read_text())
def join(parts, one):
    one.write_text(",".join(sorted(path.read_text() for path in parts.rglob("*") if path.is_file() and path.suffix != ".json")))
`,
  }
  const text = async (): Promise<[string, string]> => {
    const run = await bench.end(await bench.begin(given))
    assert.equal(run.state, 'succeeded', JSON.stringify(run.steps))
    const { digest } = run.steps[1]?.outputs['one'] ?? { digest: '' }
    const [file] = await treeFiles(bench.store.blobs, digest)
    return [String(await bench.store.blobs.bytes(file?.digest ?? '')), run.steps[0]?.state ?? '']
  }
  writeFileSync(path, '1')
  assert.deepEqual(await text(), ['a1,b1', 'succeeded'])
  assert.deepEqual(await text(), ['a1,b1', 'cached'])
  writeFileSync(path, '2')
  assert.deepEqual(await text(), ['a2,b2', 'succeeded'])
})

describe('freshness', () => {
  test('data that is older than it may be ends the run, or is said where the file says so', async (t) => {
    let now = Date.now()
    const { folder, run } = await sourced(t, {}, { clock: () => now })
    const path = join(folder, 'a.txt')
    writeFileSync(path, 'old')
    settle(path)
    now = statSync(path).mtimeMs + 60_000
    assert.match(
      failure(await run({ file: path, fresh: '10s' })),
      /source "given": the data is 1 minute.* old, of .*; "fresh" allows 10 seconds/,
    )
    const warned = await run({ file: path, fresh: '10s', stale: 'warn' })
    assert.equal(warned.state, 'succeeded')
    assert.match(pinned(warned).stale ?? '', /^the data is 1 minute/)
    assert.equal(pinned(await run({ file: path, fresh: '1 day' })).stale, null)
  })

  test('data whose age nobody tells is not called fresh', async (t) => {
    const { url, host } = await serving(t, (_request, reply) => reply.end('x'))
    const { run } = await sourced(t, { allow: [host] })
    assert.match(failure(await run({ http: url, fresh: '1 day' })), /does not say how old the data is/)
  })

  test('data of a time that is yet to come is not called fresh, but for a day', async (t) => {
    const { folder, run } = await sourced(t)
    const path = join(folder, 'a.txt')
    writeFileSync(path, 'x')
    const ahead = (hours: number): void => {
      const at = new Date(Date.now() + hours * 3_600_000)
      utimesSync(path, at, at)
    }
    ahead(23)
    assert.equal(pinned(await run({ file: path, fresh: '1 day' })).stale, null)
    ahead(25)
    assert.match(
      failure(await run({ file: path, fresh: '1 day' })),
      /is yet to come, so that nothing tells how old it is/,
    )
  })
})

describe('plans', () => {
  test('a plan hits where the source says that nothing changed, and else leaves it to the run; it keeps nothing', async (t) => {
    const { folder, run, bench } = await sourced(t)
    const path = await settledFile(folder, 'one')
    const given = files({ file: path })
    const plan = async () => {
      const { context } = bench.room
      const version = await requireRun(context, ANA, first.id)
      const { tree } = await context.spec(version.run.version_id)
      const spec = await compileSpec(bench.store.blobs, given['slipway.yaml'] ?? '', tree, 'slipway.yaml')
      return (await planRun(context, spec, { params: {}, options: {} })).steps[0]
    }
    const first = await run({ file: path })
    assert.equal((await plan())?.decision, 'cached')
    writeFileSync(path, 'another')
    const changed = await plan()
    assert.deepEqual(
      [changed?.decision, /source "given" is read when the run begins/.test(changed?.reason ?? '')],
      ['unknown', true],
    )
    rmSync(path)
    assert.match((await plan())?.reason ?? '', /the run would not begin: source "given": there is no file/)
  })
})
