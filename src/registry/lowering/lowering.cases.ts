/** Cases: which versions are lowered, whatever the order in which they are registered, judged, promoted and asked for. */
import assert from 'node:assert/strict'
import { chmod, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { problem } from '../../contract/errors.ts'
import type { Gate } from '../../contract/registry.ts'
import { Worker } from '../../jobs/worker.ts'
import { neededDigests } from '../../store/blobs/reach.ts'
import { moveAlias } from '../aliases/aliases.ts'
import { approve, withdraw } from '../gates/approvals.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { formerNativeDir, placeOf } from '../context/layout.ts'
import { startLowering } from '../context/lowering-job.ts'
import { handleLowering, versionFiles } from './lowering.ts'
import { interpreterOf } from './python.fixture.ts'
import { registerVersion } from '../versions/register.ts'
import { requireVersion } from '../context/context.ts'
import { registryDigests } from '../versions/read.ts'
import { createVersion } from '../versions/versions.ts'

const GATES: readonly Gate[] = [{ metric: 'auc', at_least: 0.7 }]
const LIMIT_MS = 180_000

export function loweringCases(bench: Bench): void {
  describe('lowering', () => {
    const register = async (model: string, auc: number, gates: readonly Gate[] = GATES): Promise<void> => {
      await registerVersion(bench.room, root, await wanted(bench, { model, auc, gates }))
    }
    const stateOf = async (model: string, version = '1') => {
      const { lowering_state, lowering_reason } = await requireVersion(bench.room.db, model, version)
      return { state: lowering_state, refused: /gates do not hold/.test(lowering_reason ?? '') }
    }
    const REFUSED = { state: 'pending', refused: true }
    const NATIVE = { state: 'native', refused: false }

    /** Lets the jobs that wait be done, those of other cases too; returns the versions that were loaded meanwhile. */
    async function work(
      t: TestContext,
      during: () => Promise<void> = async () => undefined,
      environment: () => Promise<void> = async () => undefined,
    ): Promise<string[]> {
      const python = join(bench.room.modelsDir, `python-${bench.room.ids('new')}`)
      await mkdir(dirname(python), { recursive: true })
      await writeFile(python, interpreterOf(`echo '{"ok": true}' > "$4/result.json"`))
      await chmod(python, 0o755)
      const worker = new Worker(bench.room.db, { backoffMs: 1, pollMs: 10 })
      const loaded: string[] = []
      // by the worker's clock: what is to be tried in a minute would be due at once by one that stands
      handleLowering({ ...bench.room, clock: Date.now }, worker, {
        python: async (row) => {
          loaded.push(`${row.model}/${row.version}`)
          await environment()
          return python
        },
        verify: async () => ({ ok: true, n: 1, worst_ulp: 0, reason: null }),
        proveOnnx: async () => 0,
      })
      worker.start()
      t.after(() => worker.stop())
      await during()
      const open =
        "SELECT id FROM jobs WHERE kind = 'lower' AND (state = 'running' OR state = 'waiting' AND run_at <= ?)"
      const isOver = async (): Promise<boolean> => (await bench.room.db.get(open, [Date.now()])) === undefined
      await until('the end of the jobs of lowering', isOver, LIMIT_MS)
      await worker.stop()
      return loaded
    }

    it('spares what is refused, until an admin promotes it all the same', async (t) => {
      await register('low-a', 0.5)
      await register('low-a', 0.9)
      assert.deepEqual(
        (await work(t)).filter((one) => one.startsWith('low-a')),
        ['low-a/2'],
      )
      assert.deepEqual([await stateOf('low-a'), await stateOf('low-a', '2')], [REFUSED, NATIVE])
      const wish = { model: 'low-a', alias: 'production', version: '1', override: true, reason: 'a test' }
      await moveAlias(bench.room, root, wish)
      assert.deepEqual(await work(t), ['low-a/1'])
      assert.deepEqual(await stateOf('low-a'), NATIVE)
    })

    it('judges a version that a client made before it loads it', async (t) => {
      const copy = (name: string, of: string) =>
        createVersion(bench.room, bench.tracking, root, {
          name,
          source: `models:/${of}`,
          run_id: undefined,
          run_link: undefined,
          model_id: undefined,
          description: undefined,
          tags: [],
        })
      await register('low-b', 0.9)
      await register('low-free', 0.5, [])
      await copy('low-b', 'low-free/1')
      await copy('low-b', 'low-b/1')
      await copy('low-free', 'low-free/1')
      const loaded = (await work(t)).sort()
      assert.deepEqual(loaded, ['low-b/1', 'low-b/3', 'low-free/1', 'low-free/2'])
      assert.deepEqual(await stateOf('low-b', '2'), REFUSED)
    })

    it('spares what was refused after it was asked for, and lowers it when it is approved again', async (t) => {
      await register('low-c', 0.9, [{ approvals: 1, role: 'maintainer' }])
      const who = person('maintainer', null)
      const of = { model: 'low-c', version: '1' }
      assert.deepEqual(await stateOf('low-c'), REFUSED)
      await approve(bench.room, who, of, '')
      assert.deepEqual(await stateOf('low-c'), { state: 'pending', refused: false })
      await withdraw(bench.room, who, of)
      assert.deepEqual(await work(t), [])
      assert.deepEqual(await stateOf('low-c'), REFUSED)
      await approve(bench.room, who, of, '')
      assert.deepEqual(await work(t), ['low-c/1'])
      assert.deepEqual(await stateOf('low-c'), NATIVE)
    })

    it('spares a refused version that is asked for by its arrival alone, as an import does', async (t) => {
      await register('low-d', 0.5)
      await bench.room.db.tx((one) => startLowering(one, { model: 'low-d', version: 1 }))
      assert.deepEqual(await work(t), [])
      assert.deepEqual(await stateOf('low-d'), REFUSED)
    })

    it('loads what is to be served, refused or not', async (t) => {
      await register('low-e', 0.5)
      // asked for by its arrival too: that job refuses it while its files are waited for
      await bench.room.db.tx((one) => startLowering(one, { model: 'low-e', version: 1 }))
      const loaded = await work(t, async () => {
        const files = await versionFiles(bench.room, { python: async () => 'unused' }, 'low-e', '1')
        assert.ok(files.native !== null)
      })
      assert.deepEqual(loaded, ['low-e/1'])
    })

    it('lays the native form out again from its own tree, on whatever disk it is needed', async (t) => {
      await register('low-g', 0.9)
      await work(t)
      const files = () => versionFiles(bench.room, { python: async () => 'unused' }, 'low-g', '1')
      const before = (await files()).native?.dir ?? ''
      const result = await readFile(join(before, 'result.json'), 'utf8')
      const { lowering_tree } = await requireVersion(bench.room.db, 'low-g', '1')
      const needed = new Set<string | null>()
      for await (const digest of neededDigests(bench.room.blobs, [() => registryDigests(bench.room.db)]))
        needed.add(digest)
      assert.ok(needed.has(lowering_tree), 'a collection of blobs keeps it')
      await rm(before, { recursive: true })
      assert.equal((await files()).native?.dir, before)
      assert.equal(await readFile(join(before, 'result.json'), 'utf8'), result)
    })

    it('tries again what wants for a network: every minute, and at once when it is to be served', async (t) => {
      await register('low-i', 0.9)
      const offline = problem('unavailable', { what: 'the package index', detail: 'numpy could not be fetched' })
      let online = false
      const tries: string[] = []
      const files = () => versionFiles(bench.room, { python: async () => 'unused' }, 'low-i', '1')
      const loaded = await work(
        t,
        async () => {
          // the first try is the job of the registration, or the one that is asked for here: it says why, and does not wait
          await assert.rejects(
            files(),
            /low-i\/1 cannot be served yet: waits for the network.*numpy could not be fetched/,
          )
          online = true
          assert.ok((await files()).native !== null)
        },
        async () => {
          tries.push(online ? 'online' : 'offline')
          if (!online) throw offline
        },
      )
      assert.ok(loaded.length >= 2)
      assert.deepEqual([tries.at(0), tries.at(-1)], ['offline', 'online'])
      const served = await requireVersion(bench.room.db, 'low-i', '1')
      assert.deepEqual([served.lowering_state, served.lowering_retry_at], ['native', null])
    })

    it('is answered by the try that it asked for, not by one that began before the network came back', async (t) => {
      await register('low-j', 0.9)
      const offline = problem('unavailable', { what: 'the package index', detail: 'numpy could not be fetched' })
      const retry = "kind = 'lower' AND key = 'low-j/1' AND state = 'waiting' AND run_at > ?"
      const begun = Promise.withResolvers<undefined>()
      const release = Promise.withResolvers<undefined>()
      let tries = 0
      const during = async (): Promise<void> => {
        await until('a job that waits to be tried again', () =>
          bench.room.db.get(`SELECT id FROM jobs WHERE ${retry}`, [Date.now()]),
        )
        await bench.room.db.tx((one) => one.run(`UPDATE jobs SET run_at = 0 WHERE ${retry}`, [Date.now()]))
        await begun.promise
        const asked = versionFiles(bench.room, { python: async () => 'unused' }, 'low-j', '1')
        const wish = "SELECT id FROM jobs WHERE kind = 'lower' AND key = 'low-j/1 wanted'"
        await until('a job that is wanted', () => bench.room.db.get(wish))
        release.resolve(undefined)
        assert.ok((await asked).native !== null)
      }
      await work(t, during, async () => {
        tries += 1
        if (tries === 2) begun.resolve(undefined)
        if (tries === 2) await release.promise
        if (tries <= 2) throw offline
      })
      assert.equal(tries, 3)
    })

    it('takes over what a server of before kept beside the model, and lowers again what is nowhere', async (t) => {
      await register('low-h', 0.9)
      await work(t)
      const { tree, lowering_tree } = await requireVersion(bench.room.db, 'low-h', '1')
      const former = formerNativeDir(placeOf(bench.room, tree ?? ''))
      const forget = (): Promise<unknown> =>
        bench.room.db.tx((one) => one.run("UPDATE model_versions SET lowering_tree = NULL WHERE model = 'low-h'"))
      await cp(placeOf(bench.room, lowering_tree ?? ''), former, { recursive: true })
      await forget()
      const files = () => versionFiles(bench.room, { python: async () => 'unused' }, 'low-h', '1')
      assert.equal((await files()).native?.dir, placeOf(bench.room, lowering_tree ?? ''))
      assert.equal((await requireVersion(bench.room.db, 'low-h', '1')).lowering_tree, lowering_tree)
      await forget()
      await rm(former, { recursive: true })
      const loaded = await work(t, async () => assert.ok((await files()).native !== null))
      assert.deepEqual(loaded, ['low-h/1'])
      assert.deepEqual(await stateOf('low-h'), NATIVE)
    })

    it('loads an overridden version once, though its refusal was not read yet', async (t) => {
      await register('low-f', 0.9, [])
      await register('low-f', 0.5)
      await bench.room.db.tx((one) => startLowering(one, { model: 'low-f', version: 2 }))
      const wish = { model: 'low-f', alias: 'production', version: '2', override: true, reason: 'a test' }
      await moveAlias(bench.room, root, wish)
      assert.deepEqual((await work(t)).sort(), ['low-f/1', 'low-f/2'])
      assert.deepEqual(await stateOf('low-f', '2'), NATIVE)
    })
  })
}
