/** What a version's project file asks of an endpoint, and whose wish is granted: who may not change an endpoint does not by a ship. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planApply, writePlan } from '../../features/definitions/apply.ts'
import { migratedSqlite } from '../../../test/databases.ts'
import type { Role } from '../../contract/access.ts'
import { FeaturesSection } from '../../contract/features/section.ts'
import { Plan } from '../../contract/rollout/plan.ts'
import { getVersion } from '../../registry/versions/read.ts'
import { endpointRow } from '../../serving/context/rows.ts'
import { newest, QUICK, ship } from '../bench.fixture.ts'
import type { RolloutBench } from '../bench.fixture.ts'
import { ann, rolloutWorld } from '../world.fixture.ts'
import { act } from './acts.ts'
import { takeUp } from './starting.ts'

const GUARDED: Plan = { ...QUICK, approvals: [{ before: 'promote', role: 'maintainer' }] }
const WATCHED = { false_alerts: '1 per week', reactions: { quality: ['incident', 'rollback'] } }
const OFF = { enabled: false }

describe('the wish of a project file', () => {
  let bench: RolloutBench
  rolloutWorld(migratedSqlite, (world) => ({ bench } = world))

  /** Registers the next version by someone of a role and takes it up; what then holds. */
  async function shipped(model: string, wish: { role?: Role; plan: Plan; monitor: Record<string, unknown> }) {
    const version = await ship(bench, { model, ...wish })
    const asked = (await bench.deps.asked()).find((one) => one.model === model && one.version === version)
    assert.ok(asked !== undefined)
    await takeUp(bench.deps, asked)
    const rollout = await newest(bench.db, model)
    const { not_granted } = await getVersion(bench.registry, ann, model, version)
    const monitor = JSON.parse((await endpointRow(bench.db, model))?.monitor ?? '{}') as unknown
    const trail = await bench.db.get<{ detail: string }>('SELECT detail FROM audit WHERE resource_id = ?', [rollout.id])
    await act(bench.deps, ann, rollout.id, { action: 'abort', reason: 'enough' })
    const { not_taken_over } = JSON.parse(trail?.detail ?? '{}') as { not_taken_over?: string[] }
    return { plan: Plan.parse(JSON.parse(rollout.plan)), reason: rollout.reason, monitor, not_granted, not_taken_over }
  }

  it('of a contributor it is granted where nobody has decided yet, and not against what somebody has', async () => {
    const first = await shipped('held', { role: 'contributor', plan: QUICK, monitor: {} })
    assert.deepEqual(
      [first.plan, first.not_granted, first.reason],
      [Plan.parse(QUICK), [], 'the version is being prepared'],
    )
    const second = await shipped('held', { role: 'maintainer', plan: GUARDED, monitor: WATCHED })
    assert.deepEqual([second.plan, second.monitor, second.not_granted], [Plan.parse(GUARDED), WATCHED, []])
    const third = await shipped('held', { role: 'contributor', plan: QUICK, monitor: OFF })
    assert.deepEqual([third.plan, third.monitor], [Plan.parse(GUARDED), WATCHED])
    const told = ['monitor settings of a contributor, as contributor', 'rollout plan of a contributor, as contributor']
    assert.deepEqual(third.not_taken_over, told)
    assert.match(third.reason, /prepared; not taken over: monitor settings of a contributor/)
    assert.deepEqual(third.not_granted, [
      'the monitor settings of the endpoint stayed: a contributor, as contributor, may not change it',
      'the rollout plan of the endpoint stayed: a contributor, as contributor, may not change it',
    ])
  })

  it('of a contributor who asks for what is so already everything is granted', async () => {
    await shipped('same', { role: 'maintainer', plan: GUARDED, monitor: WATCHED })
    const written = { ...WATCHED, labels: { delay: '2d' } }
    const again = await shipped('same', { role: 'contributor', plan: GUARDED, monitor: written })
    assert.deepEqual([again.not_granted, again.not_taken_over], [[], undefined], 'what is left out is its default')
  })

  it('is in the audit trail of the endpoint that it makes: whose it is, and by which run and version', async () => {
    const version = await ship(bench, { model: 'traced', role: 'contributor', monitor: OFF })
    const asked = (await bench.deps.asked()).find((one) => one.model === 'traced')
    assert.ok(asked !== undefined)
    const made = async (endpoint: string, more: object) => {
      await bench.deps.ensureEndpoint({ ...asked, endpoint, ...more }, true)
      const row = await bench.db.get<{ actor: string; detail: string }>(
        "SELECT actor, detail FROM audit WHERE resource = 'endpoints' AND resource_id = ?",
        [endpoint],
      )
      return [row?.actor, (JSON.parse(row?.detail ?? '{}') as { via?: unknown }).via]
    }
    const of = { model: 'traced', version }
    assert.deepEqual(await made('traced-by-run', { run: 'pr_1' }), ['a contributor', { run: 'pr_1', ...of }])
    assert.deepEqual(await made('traced-by-hand', {}), ['a contributor', of])
    await takeUp(bench.deps, asked)
    await act(bench.deps, ann, (await newest(bench.db, 'traced')).id, { action: 'abort', reason: 'enough' })
  })

  it('gives the version its feature service, in the version that is the newest then', async () => {
    await ship(bench, { model: 'filled', role: 'contributor', monitor: OFF })
    const asked = (await bench.deps.asked()).find((one) => one.model === 'filled')
    assert.ok(asked !== undefined)
    const apply = (features: object) =>
      bench.db.tx(async (t) => {
        const section = FeaturesSection.parse({
          views: { stats: { push: true, event_time: 'at', features } },
          services: { eta: { features: ['stats'] } },
        })
        const planned = await planApply(t, asked.project, { section, sources: {} })
        await writePlan(t, asked.project, { planned, at: 1, by: 'ada' })
      })
    const given = async (features: string) => {
      await bench.deps.ensureEndpoint({ ...asked, endpoint: 'filled', features }, true)
      const { all, model_versions } = await bench.serving.features('filled')
      return [all, model_versions[asked.version]?.version]
    }
    await assert.rejects(given('eta'), { code: 'not_found' })
    await apply({ rate: 'float' })
    assert.deepEqual(await given('eta'), [null, 1])
    await apply({ rate: 'float', trips: 'int' })
    assert.deepEqual(await given('eta'), [null, 1])
    assert.deepEqual(await given('eta@2'), [null, 2])
    await takeUp(bench.deps, asked)
    await act(bench.deps, ann, (await newest(bench.db, 'filled')).id, { action: 'abort', reason: 'enough' })
  })

  for (const role of ['maintainer', 'admin', undefined] as const)
    it(`of ${role ?? 'somebody whose role was not noted'} it is granted`, async () => {
      const model = `granted-${role}`
      await shipped(model, { role: 'admin', plan: GUARDED, monitor: WATCHED })
      const given = { plan: QUICK, monitor: OFF, ...(role !== undefined && { role }) }
      const { plan, monitor, not_granted } = await shipped(model, given)
      assert.deepEqual([plan, monitor, not_granted], [Plan.parse(QUICK), OFF, []])
    })
})
