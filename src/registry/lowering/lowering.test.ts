/** Lowering as a job: what a signal ended is tried again, what the model itself cannot do is kept with its reason. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { never, until } from '../../../test/until.ts'
import { auditLog } from '../../auth/audit.ts'
import { makeIds } from '../../contract/ids.ts'
import { Worker } from '../../jobs/worker.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { root, wanted } from '../bench.cases.ts'
import { handleLowering, versionFiles } from './lowering.ts'
import type { LoweringDeps } from './lowering.ts'
import { registerVersion } from '../versions/register.ts'
import { requireVersion } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'

describe('lowering', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  let room: Registry
  let python = ''
  const bench = { room: undefined as unknown as Registry, tracking: undefined as never, wait: () => undefined }

  before(async () => {
    store = await openTemporaryStore()
    const modelsDir = join(store.dataDir, 'models')
    const ids = makeIds(Date.now, randomBytes)
    room = { ...store, clock: Date.now, ids, audit: auditLog(Date.now), modelsDir }
    bench.room = room
    python = join(store.dataDir, 'python')
  })
  after(() => store.close())

  /** An interpreter's stand-in: a shell script that gets `-m slipway.lower DIR OUT`. */
  async function interpreter(script: string): Promise<void> {
    await writeFile(python, `#!/bin/sh\n${script}\n`)
    await chmod(python, 0o755)
  }

  async function lowered(
    model: string,
    script: string,
    verify: LoweringDeps['verify'] = async () => ({ ok: true, n: 7, worst_ulp: 0, reason: null }),
  ): Promise<VersionRow> {
    await interpreter(script)
    const { version } = await registerVersion(room, root, await wanted(bench, { model }))
    const worker = new Worker(store.db, { backoffMs: 1, pollMs: 10 })
    handleLowering(room, worker, { python: async () => python, verify, proveOnnx: async () => 0 })
    worker.start()
    const isOver = async (): Promise<boolean> =>
      (await requireVersion(room.db, model, version)).lowering_state !== 'pending'
    try {
      await until('the end of its lowering', isOver)
    } finally {
      await worker.stop()
    }
    return requireVersion(room.db, model, version)
  }

  it('is tried again when something outside ended it', async () => {
    const marker = join(store.dataDir, 'tried')
    const script = `[ -e ${marker} ] || { touch ${marker}; kill -TERM $$; sleep 5; }\necho '{"ok": true}' > "$4/result.json"`
    const row = await lowered('killed-once', script)
    assert.deepEqual([row.lowering_state, row.lowering_probes], ['native', 7])
    const files = await versionFiles(room, { python: async () => python }, 'killed-once', '1')
    assert.ok(files.native !== null && files.python === null)
  })

  it('fails with a reason when it is ended every time', async () => {
    const row = await lowered('killed-always', 'kill -KILL $$')
    assert.equal(row.lowering_state, 'failed')
    await assert.rejects(versionFiles(room, { python: async () => python }, 'killed-always', '1'), /cannot be served/)
  })

  it('keeps why a model is served by Python, and why one cannot be', async () => {
    const refused = await lowered('odd', `echo '{"ok": false, "reason": "no native form"}' > "$4/result.json"`)
    assert.deepEqual([refused.lowering_state, refused.lowering_reason], ['python', 'no native form'])
    const unreadable = await lowered('unreadable', `echo '{"ok": true}' > "$4/result.json"`, async () => {
      throw new Error('native model, raw: 1 values, expected 10000')
    })
    assert.deepEqual(
      [unreadable.lowering_state, unreadable.lowering_reason],
      ['python', 'native model, raw: 1 values, expected 10000'],
    )
    const broken = await lowered('broken', 'echo "ImportError: no such module" >&2; exit 1')
    assert.deepEqual([broken.lowering_state, broken.lowering_reason], ['failed', 'ImportError: no such module'])
  })

  it('is done for two versions at a time, each in its turn, that of a deploy too', async (t) => {
    await interpreter(`echo '{"ok": true}' > "$4/result.json"`)
    const models = ['many-a', 'many-b', 'many-c', 'many-d']
    for (const model of models) await registerVersion(room, root, await wanted(bench, { model }))
    const begun: string[] = []
    const go = Promise.withResolvers<undefined>()
    const worker = new Worker(store.db, { backoffMs: 1, pollMs: 5 })
    handleLowering(room, worker, {
      python: async ({ model }) => {
        begun.push(model)
        await go.promise
        return python
      },
      verify: async () => ({ ok: true, n: 7, worst_ulp: 0, reason: null }),
      proveOnnx: async () => 0,
    })
    worker.start()
    t.after(() => {
      go.resolve(undefined)
      return worker.stop()
    })
    await until('two that are lowered', () => begun.length >= 2)
    const deployed = versionFiles(room, { python: async () => python }, 'many-d', '1')
    await never('a third is lowered', () => begun.length > 2, 20)
    go.resolve(undefined)
    assert.ok((await deployed).native !== null)
    const states = async (): Promise<string[]> =>
      Promise.all(models.map(async (model) => (await requireVersion(room.db, model, '1')).lowering_state))
    await until('the end of all', async () => (await states()).every((state) => state === 'native'))
    assert.deepEqual(begun.toSorted(), models)
  })
})
