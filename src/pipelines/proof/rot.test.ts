/** What has rotted of a run: each kind is found and named, and nothing is found where all is as it was. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { LOCK, openIdle, type Idle } from '../run/idle.fixture.ts'
import { end } from './proofs.fixture.ts'
import { listReproducible } from '../reproductions/reproducible.ts'

const FILES = {
  'slipway.yaml': `project: rotting
pipeline:
  steps:
    make: {run: make:main, outputs: [table]}
    train: {run: make:main, inputs: {table: make.table}, outputs: [model], secrets: [KNOWN]}
`,
  'make.py': 'def main(): pass\n',
}
const ADMIN: Principal = { id: 'u0', name: 'root', role: 'admin', project: null, token_id: null }
const ENDED = {
  make: { outputs: { table: { '': 'x\n1\n' } } },
  train: { outputs: { model: { MLmodel: 'm', 'model.pkl': 'bytes' } } },
}

interface Kept {
  readonly idle: Idle
  readonly run: string
}

/** A model `one` in production whose run succeeded. */
async function kept(t: TestContext, changes: Partial<PipelinesDeps> = {}, files = FILES): Promise<Kept> {
  const idle = await openIdle(t, {
    aliasedVersions: (_who, { alias, after, limit }) =>
      Promise.resolve(
        ['one', 'two']
          .filter((model) => alias === 'production' && model > after)
          .slice(0, limit)
          .map((model) => ({ model, version: '3', run: model === 'one' ? 'pr_a' : null, grade: 'A' })),
      ),
    ...changes,
  })
  const run = await idle.begin(files, { id: 'pr_a' })
  await end(idle, run, ENDED)
  await idle.setRun(run, { state: 'succeeded', outcome: 'succeeded', environment: LOCK.digest })
  return { idle, run }
}

async function rotOf({ idle }: Kept, who = ADMIN): Promise<string[]> {
  const { items } = await listReproducible(idle.context, who, { alias: 'production', limit: 1 })
  const [one] = items
  assert.equal(one?.verdict, one?.rot.length === 0 ? 'ready' : 'rot')
  return (one?.rot ?? []).map(({ kind, what }) => `${kind}: ${what}`)
}

describe('a model in production', () => {
  test('is ready where all is there, and nothing is written', async (t) => {
    const at = await kept(t)
    const audited = at.idle.audit.length
    const page = await listReproducible(at.idle.context, ADMIN, { alias: 'production', limit: 1 })
    const one = { model: 'one', version: '3', run: 'pr_a', grade: 'A', verdict: 'ready', rot: [], last: null }
    assert.deepEqual(page, { items: [one], next_page_token: 'one' })
    const rest = await listReproducible(at.idle.context, ADMIN, { alias: 'production', page_token: 'one', limit: 1 })
    assert.deepEqual(rest, {
      items: [
        {
          model: 'two',
          version: '3',
          run: null,
          grade: 'A',
          verdict: 'rot',
          rot: [{ kind: 'lineage', what: 'no pipeline run made it' }],
          last: null,
        },
      ],
    })
    assert.equal(at.idle.audit.length, audited)
    assert.equal((await at.idle.store.db.all('SELECT id FROM pipeline_runs')).length, 1)
  })
  test('has no lineage where its run is gone, foreign, not ended or not succeeded', async (t) => {
    const at = await kept(t)
    const told = (how: string): string[] => [`lineage: pipeline run pr_a, which made it, ${how}`]
    const foreign = { ...ADMIN, role: 'viewer' as const, project: 'other' }
    assert.deepEqual(await rotOf(at, foreign), told('is of a project that this token does not see'))
    await at.idle.setRun('pr_a', { state: 'failed', outcome: 'gate_refused' })
    assert.deepEqual(await rotOf(at), told('ended as gate_refused'))
    await at.idle.setRun('pr_a', { state: 'running', outcome: null })
    assert.deepEqual(await rotOf(at), told('has not ended'))
    await at.idle.setRun('pr_a', { id: 'pr_else' })
    assert.deepEqual(await rotOf(at), told('is gone'))
  })
  test('has rotted where code is gone, or its project file', async (t) => {
    const at = await kept(t)
    const code = await at.idle.store.blobs.put(Buffer.from(FILES['make.py']))
    await at.idle.store.blobs.delete(code.digest)
    assert.deepEqual(await rotOf(at), [`code: a file of the code (${code.digest})`])
    await at.idle.setRun('pr_a', { version_id: 'pv_gone' })
    assert.deepEqual(await rotOf(at), ['code: pipeline version "pv_gone" does not exist'])
  })
  test('has rotted where the lock of its environment is gone, or a secret', async (t) => {
    const at = await kept(t, {}, { ...FILES, 'slipway.yaml': FILES['slipway.yaml'].replace('KNOWN', 'LOST') })
    const secret = 'secret: the secret LOST of step "train"'
    assert.deepEqual(await rotOf(at), [secret])
    await at.idle.setRun('pr_a', { environment: 'sha256:gone' })
    assert.deepEqual(await rotOf(at), ['environment: the lock of the environment sha256:gone', secret])
  })
  test('has rotted where what a source gave is gone: the source itself may give something else by now', async (t) => {
    const at = await kept(t)
    const digest = await at.idle.tree({ 'a.csv': 'rows' })
    const pinned = { name: 'rows', digest, size: 4, files: 1 }
    await at.idle.setRun('pr_a', { sources: JSON.stringify({ rows: pinned }) })
    assert.deepEqual(await rotOf(at), [])
    const [file] = await treeFiles(at.idle.store.blobs, digest)
    await at.idle.store.blobs.delete(file?.digest ?? '')
    assert.deepEqual(await rotOf(at), [`source: what source "rows" gave (${digest})`])
  })
  test('has rotted where there is nothing to compare with: a file of an output, or all of it', async (t) => {
    const at = await kept(t)
    const { steps } = await at.idle.read('pr_a')
    const { digest = '' } = steps.find(({ name }) => name === 'train')?.outputs['model'] ?? {}
    const file = (await treeFiles(at.idle.store.blobs, digest)).find(({ path }) => path === 'model.pkl')
    await at.idle.store.blobs.delete(file?.digest ?? '')
    const told = [`output: output "model" of step "train", to compare with (${digest})`]
    assert.deepEqual(await rotOf(at), told)
    await at.idle.store.blobs.delete(digest)
    assert.deepEqual(await rotOf(at), told)
  })
  test('a store that cannot be asked is a fault, and no rot', async (t) => {
    const at = await kept(t)
    const { steps } = await at.idle.read('pr_a')
    const digest = steps[0]?.outputs['table']?.digest ?? ''
    const path = at.idle.store.blobs.path(digest) ?? ''
    await at.idle.store.blobs.delete(digest)
    mkdirSync(path)
    await assert.rejects(rotOf(at), { code: 'EISDIR' })
  })
})

describe('a file that a step read without declaring it', () => {
  function folder(t: TestContext): string {
    const made = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-rot-')))
    t.after(() => rmSync(made, { recursive: true, force: true }))
    return made
  }
  const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

  async function read(t: TestContext, of: { name: string; digest: string }, folder: string): Promise<Kept> {
    const hidden = [join(folder, 'data')]
    const at = await kept(t, { sources: { folders: [folder], hidden, allow: [], index: 'http://127.0.0.1:9' } })
    await at.idle.setStep('pr_a', 'make', { reads: JSON.stringify([{ kind: 'file', ...of }]) })
    return at
  }

  test('is rot once it is edited, however long it is, and once it is gone', async (t) => {
    const root = folder(t)
    const path = join(root, 'raw.csv')
    writeFileSync(path, 'x,y\n')
    const at = await read(t, { name: path, digest: sha256('x,y\n') }, root)
    assert.deepEqual(await rotOf(at), [])
    writeFileSync(path, 'x,z\n')
    assert.deepEqual(await rotOf(at), [`source: file ${path} was edited since, which step "make" read`])
    writeFileSync(path, 'x,y\n')
    assert.deepEqual(await rotOf(at), [])
    utimesSync(path, 1_700_000_000, 1_700_000_000)
    const large = (digest: string): string => JSON.stringify([{ kind: 'file', name: path, digest }])
    await at.idle.setStep('pr_a', 'make', { reads: large('size 4 changed 1700000000000000000') })
    assert.deepEqual(await rotOf(at), [])
    await at.idle.setStep('pr_a', 'make', { reads: large('size 4 changed 1600000000000000000') })
    assert.equal((await rotOf(at)).length, 1)
    rmSync(path)
    assert.deepEqual(await rotOf(at), [`source: file ${path} is gone, which step "make" read`])
    mkdirSync(path)
    assert.deepEqual(await rotOf(at), [`source: file ${path} is gone, which step "make" read`])
  })
  test('is not looked at outside of the folders of sources, by whatever way', async (t) => {
    const root = folder(t)
    const [open, other] = [join(root, 'open'), join(root, 'other')]
    for (const one of [open, other]) mkdirSync(one)
    writeFileSync(join(other, 'secret'), 'x')
    symlinkSync(other, join(open, 'link'))
    mkdirSync(join(open, 'data'))
    writeFileSync(join(open, 'data', 'own'), 'x')
    for (const name of [
      join(other, 'secret'),
      join(other, 'absent'),
      `${open}/../other/absent`,
      join(open, 'link', 'secret'),
      join(open, 'data', 'own'),
      'relative/absent',
    ]) {
      const at = await read(t, { name, digest: sha256('other') }, open)
      assert.deepEqual(await rotOf(at), [], name)
    }
    const at = await read(t, { name: join(open, 'absent'), digest: sha256('other') }, open)
    await at.idle.setStep('pr_a', 'make', { driver: 'ray' })
    assert.deepEqual(await rotOf(at), [], 'what a cluster read lies on its machines')
  })
})
