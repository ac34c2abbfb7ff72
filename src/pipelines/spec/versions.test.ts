/** Versions of pipelines: the same content once, the newest is what was sent in last, and each project sees its own. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import { ANA } from '../bench.fixture.ts'
import { LOCK, openIdle, type Idle } from '../run/idle.fixture.ts'
import { keyStep } from '../keys/judge.ts'
import { createRun } from '../run/runs.ts'
import { viewVersion } from '../run/view.ts'
import { sourceOf } from './sources.ts'
import {
  createVersion,
  holdsPipelines,
  listVersions,
  newestVersion,
  requireVersion,
  type VersionRow,
} from './versions.ts'

const SOURCE = { commit: 'c1', branch: 'main', patch_digest: 'sha256:p', patch: 'cGF0Y2g=' }

interface Sent extends Idle {
  /** Sends a project in; `seed` makes it another version. */
  readonly send: (
    seed: number,
    more?: { project?: string; who?: Principal; source?: object; schedule?: string },
  ) => Promise<VersionRow>
}

async function open(t: TestContext): Promise<Sent> {
  const idle = await openIdle(t)
  const tree = await idle.tree({ 'a.py': 'def main(): pass\n' })
  return {
    ...idle,
    send(seed, { project = 'p', who = ANA, source, schedule = '' } = {}) {
      const text = `project: ${project}\npipeline: {steps: {a: {run: a:main, seed: ${seed}}}${schedule}}\n`
      idle.clock.now += 1
      const given = { text, tree, file: 'slipway.yaml', ...(source !== undefined && { source: source as never }) }
      return createVersion(idle.context.deps, who, given)
    },
  }
}

test('the same content is one version, made once in the audit, and the newest again when it is sent again', async (t) => {
  const { send, store, audit } = await open(t)
  const [first, second] = [await send(1), await send(2)]
  assert.notEqual(first.id, second.id)
  assert.equal((await newestVersion(store.db, 'p')).id, second.id)
  const again = await send(1)
  assert.deepEqual([again.id, again.created_at], [first.id, first.created_at])
  assert.equal((await newestVersion(store.db, 'p')).id, first.id)
  assert.deepEqual(
    audit.map((entry) => entry['digest']),
    [first.digest, second.digest],
  )
  assert.equal((await requireVersion(store.db, first.id)).spec.steps[0]?.seed, 1)
})

test('equal content of two projects is two versions; who has a token of one neither makes nor finds the other', async (t) => {
  const { send, store } = await open(t)
  const [mine, theirs] = [await send(1), await send(1, { project: 'q' })]
  assert.notEqual(mine.id, theirs.id)
  assert.equal((await newestVersion(store.db, 'q')).id, theirs.id)
  await assert.rejects(send(2, { project: 'q', who: { ...ANA, project: 'p' } }), { code: 'not_found' })
  assert.equal((await newestVersion(store.db, 'q')).id, theirs.id, 'nothing was made')
  await assert.rejects(newestVersion(store.db, 'none'), { code: 'not_found' })
  await assert.rejects(requireVersion(store.db, 'pv_none'), { code: 'not_found' })
  assert.equal(await holdsPipelines(store.db, 'q'), 'pipelines')
  assert.equal(await holdsPipelines(store.db, 'none'), undefined)
})

test('of two that send the same at once, one makes it', async (t) => {
  const { send, store, audit } = await open(t)
  const both = await Promise.all([send(1), send(1), send(1)])
  assert.equal(new Set(both.map(({ id }) => id)).size, 1)
  assert.equal(audit.length, 1)
  assert.equal((await listVersions(store.db, { project: 'p', before: undefined, limit: 9 })).length, 1)
})

test('versions come newest first, in pages that neither repeat nor leave out those of one moment', async (t) => {
  const { send, store, clock } = await open(t)
  const made: VersionRow[] = []
  const at = clock.now
  for (const seed of [1, 2, 3]) {
    clock.now = at
    made.push(await send(seed))
  }
  const last = await send(4, { project: 'q' })
  const ids = async (before?: [number, string], limit = 9, project?: string): Promise<string[]> =>
    (await listVersions(store.db, { project, before, limit })).map(({ id }) => id)
  const order = made
    .map(({ id }) => id)
    .toSorted()
    .toReversed()
  assert.deepEqual(await ids(), [last.id, ...order])
  assert.deepEqual(await ids(undefined, 2), [last.id, order[0]])
  assert.deepEqual(await ids([at + 1, order[0] ?? '']), order.slice(1))
  assert.deepEqual(await ids([at + 1, order[2] ?? '']), [])
  assert.deepEqual(await ids(undefined, 9, 'p'), order)
})

test('what git said is kept once, with the version for its next runs, and with each run as it was then', async (t) => {
  const sent = await open(t)
  const run = async (version: VersionRow): Promise<string> => {
    const id = `pr_${(sent.clock.now += 1)}`
    return createRun(sent.context, ANA, { version, params: {}, options: {}, trigger: 'manual', id })
  }
  const bare = await run(await sent.send(1))
  const first = await run(await sent.send(1, { source: SOURCE }))
  const second = await run(await sent.send(1, { source: { ...SOURCE, commit: 'c2' } }))
  const { db } = sent.store
  assert.equal(await sourceOf(db, bare), undefined)
  assert.deepEqual(await sourceOf(db, first), SOURCE)
  assert.equal((await sourceOf(db, second))?.commit, 'c2')
  await sent.send(2, { source: SOURCE })
  assert.equal((await db.all('SELECT id FROM pipeline_sources')).length, 2)
})

describe('a version whose code was read by older rules', () => {
  const FILES = { 'a.py': 'import lib\ndef main(): pass\n', 'lib.py': '' }

  /** A version as an earlier server left it: its closure misses a file. `body` is what its project file says now. */
  async function outdated(t: TestContext, body?: string): Promise<Sent & { version: VersionRow }> {
    const sent = await open(t)
    const text = 'project: p\npipeline: {steps: {a: {run: a:main}}}\n'
    const tree = await sent.tree({ ...FILES, 'other.yaml': text })
    const made = await createVersion(sent.context.deps, ANA, { text, tree, file: 'other.yaml' })
    const { rules: _, ...spec } = made.spec
    const step = spec.steps[0]
    const old = { ...spec, steps: [{ ...step, code: { ...step?.code, files: {} } }] }
    const row = [JSON.stringify(old), body ?? text, 'sha256:old', made.id]
    await sent.store.db.tx((x) =>
      x.run('UPDATE pipeline_versions SET spec = ?, body = ?, digest = ? WHERE id = ?', row),
    )
    return { ...sent, version: await requireVersion(sent.store.db, made.id) }
  }
  const start = ({ context }: Sent, version: VersionRow): Promise<string> =>
    createRun(context, ANA, { version, params: {}, options: {}, trigger: 'schedule' })

  test('is read anew when it runs, once, and is then the newest in its place', async (t) => {
    const sent = await outdated(t)
    const { store, context, version } = sent
    assert.match(viewVersion(version).warnings.join(), /read by older rules/)
    const runs = [await start(sent, version), await start(sent, await newestVersion(store.db, 'p'))]
    const [first, second] = await Promise.all(runs.map(async (id) => (await sent.read(id)).run.version_id))
    assert.notEqual(first, version.id)
    assert.equal(first, second)
    const spec = await context.spec(first ?? '')
    // the project file is the one that was sent in, whatever its name
    assert.deepEqual(Object.keys(spec.steps[0]?.code.files ?? {}), ['a.py', 'lib.py'])
    const newest = await newestVersion(store.db, 'p')
    assert.deepEqual([newest.id, viewVersion(newest).warnings], [first, []])
  })

  test('does not become the newest when another is', async (t) => {
    const sent = await outdated(t)
    const other = await sent.send(9)
    await start(sent, sent.version)
    assert.equal((await newestVersion(sent.store.db, 'p')).id, other.id)
  })

  test('and that cannot be read any more runs as it is, and takes nothing from the cache', async (t) => {
    const sent = await outdated(t, 'project: p\npipeline: {steps: {a: {run: a:gone}}}\n')
    const keyed = async (): Promise<[string, string]> => {
      const id = await start(sent, sent.version)
      await sent.setRun(id, { environment: LOCK.digest })
      const spec = await sent.context.spec((await sent.read(id)).run.version_id)
      const [step] = spec.steps
      assert.ok(step)
      await keyStep(sent.context, await sent.read(id), step)
      const [row] = (await sent.read(id)).steps
      return [row?.state ?? '', row?.reason ?? '']
    }
    await keyed()
    await sent.store.db.tx((x) =>
      x.run(
        `INSERT INTO pipeline_cache (project, cache_key, run_id, step, outputs, metrics, created_at)
         SELECT project, cache_key, run_id, name, '{}', '{}', 1 FROM pipeline_steps`,
      ),
    )
    const reason = 'its code was read by older rules and cannot be read anew, so no cached result is taken'
    assert.deepEqual(await keyed(), ['ready', reason])
  })
})

test('the schedule of a project is that of the version sent in last, and goes with it', async (t) => {
  const { send, store } = await open(t)
  const schedules = () =>
    store.db.all<{ name: string; cron: string; timezone: string }>('SELECT name, cron, timezone FROM schedules')
  await send(1, { schedule: ', schedule: {cron: "0 4 * * *", timezone: Europe/Berlin}' })
  assert.deepEqual(await schedules(), [{ name: 'pipeline:p', cron: '0 4 * * *', timezone: 'Europe/Berlin' }])
  await send(2, { schedule: ', schedule: {cron: "30 5 * * *"}' })
  assert.deepEqual(await schedules(), [{ name: 'pipeline:p', cron: '30 5 * * *', timezone: 'UTC' }])
  await send(3)
  assert.deepEqual(await schedules(), [])
})

describe('whose schedule it is', () => {
  const DAILY = ', schedule: {cron: "0 4 * * *"}'
  const HOURLY = ', schedule: {cron: "0 * * * *"}'
  const MIA: Principal = { id: 'u2', name: 'mia', role: 'maintainer', project: null, token_id: null }
  const STAYED = 'the schedule of the project stayed: ana, as contributor, may not change it'

  async function opened(t: TestContext) {
    const sent = await open(t)
    let seed = 0
    /** Sends the next version in; the cron that holds then, and what was not taken over. */
    const as = async (who: Principal, schedule: string): Promise<[string | null, string[]]> => {
      const version = await sent.send(++seed, { who, schedule })
      const row = await sent.store.db.get<{ cron: string }>("SELECT cron FROM schedules WHERE name = 'pipeline:p'")
      return [row?.cron ?? null, viewVersion(version).not_granted ?? []]
    }
    return { ...sent, as }
  }

  test('a contributor decides where only contributors have', async (t) => {
    const { as, audit } = await opened(t)
    assert.deepEqual(await as(ANA, DAILY), ['0 4 * * *', []])
    assert.deepEqual(await as(ANA, HOURLY), ['0 * * * *', []])
    assert.deepEqual(await as(ANA, ''), [null, []])
    const changes = audit.filter((one) => 'schedule' in one)
    assert.deepEqual(
      changes.map(({ schedule, before }) => [schedule, before].map((one) => (one as { cron: string } | null)?.cron)),
      [
        ['0 4 * * *', undefined],
        ['0 * * * *', '0 4 * * *'],
        [undefined, '0 * * * *'],
      ],
    )
  })

  test('what a maintainer has sent in, taken away or agreed to is neither changed, ended nor begun by a contributor', async (t) => {
    const { as, audit, store } = await opened(t)
    await as(ANA, DAILY)
    assert.deepEqual(await as(MIA, DAILY), ['0 4 * * *', []], 'equal: agreed to')
    assert.deepEqual(await as(ANA, HOURLY), ['0 4 * * *', [STAYED]])
    assert.deepEqual(await as(ANA, ''), ['0 4 * * *', [STAYED]])
    assert.deepEqual(await as(ANA, DAILY), ['0 4 * * *', []], 'what is so already is no change')
    assert.deepEqual(await as(MIA, HOURLY), ['0 * * * *', []])
    assert.deepEqual(await as(MIA, ''), [null, []])
    assert.deepEqual(await as(ANA, DAILY), [null, [STAYED]])
    const told = audit.filter((one) => 'not_taken_over' in one).map((one) => one['not_taken_over'])
    assert.equal(told.length, 3)
    assert.equal((told[0] as { schedule: { cron: string } }).schedule.cron, '0 * * * *')
    // the same content, sent in by somebody who may, is taken over then
    const again = await store.db.get<{ n: number }>(
      'SELECT count(*) AS n FROM pipeline_versions WHERE kept IS NOT NULL',
    )
    assert.equal(Number(again?.n), 3)
  })

  test('a schedule of before is taken as decided; one that never was may be begun', async (t) => {
    const { as, store } = await opened(t)
    await as(ANA, DAILY)
    await store.db.tx((x) => x.run('DELETE FROM pipeline_schedules'))
    assert.deepEqual(await as(ANA, ''), ['0 4 * * *', [STAYED]])
    const fresh = await opened(t)
    await fresh.as(MIA, '')
    assert.deepEqual(await fresh.as(ANA, DAILY), ['0 4 * * *', []])
  })

  test('what was held back is granted when the same file is sent in by a maintainer', async (t) => {
    const { send, as, store } = await opened(t)
    await as(MIA, DAILY)
    const held = await send(50, { schedule: HOURLY })
    assert.equal(viewVersion(held).not_granted?.length, 1)
    const granted = await send(50, { schedule: HOURLY, who: MIA })
    assert.deepEqual([granted.id, viewVersion(granted).not_granted], [held.id, undefined])
    assert.equal((await store.db.get<{ cron: string }>('SELECT cron FROM schedules'))?.cron, '0 * * * *')
  })
})
