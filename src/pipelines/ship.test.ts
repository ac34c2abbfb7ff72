/** What an ended run has registered, taken to its endpoint: what the registry is asked, what is kept, and what is refused. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Row } from '../store/db.ts'
import { problem } from '../contract/errors.ts'
import { ANA } from './bench.fixture.ts'
import type { DeploymentWish } from './context/deps.ts'
import { openIdle } from './run/idle.fixture.ts'
import { requireRun } from './run/runs.ts'
import { shipRun } from './ship.ts'

const PROJECT = `project: sea
pipeline: {steps: {a: {run: a:main, outputs: [m]}}}
model: {name: tide, from: a.m}
`
const ENDPOINT = 'endpoint: {name: port, rollout: {canary: [10%]}}\n'
const REGISTERED = { model: 'tide', version: '4', verdict: 'accepted', detail: '', tree: 'sha256:x', deployed: false }
const BEN = { ...ANA, id: 'u9', name: 'ben', role: 'maintainer' } as const

interface Given {
  readonly yaml?: string
  readonly row?: Row
  /** What the registry answers. */
  readonly asks?: boolean | Error
}

async function ended(t: TestContext, { yaml = PROJECT + ENDPOINT, row = {}, asks = true }: Given = {}) {
  const asked: DeploymentWish[] = []
  const idle = await openIdle(t, {
    askDeployment(_t, wish) {
      asked.push(wish)
      return asks instanceof Error ? Promise.reject(asks) : Promise.resolve(asks)
    },
  })
  const id = await idle.begin({ 'slipway.yaml': yaml, 'a.py': 'def main(): pass\n' }, { id: 'pr_1' })
  await idle.setRun(id, { state: 'succeeded', outcome: 'succeeded', registered: JSON.stringify(REGISTERED), ...row })
  const ship = async () => shipRun(idle.context, BEN, await requireRun(idle.context, BEN, id))
  return { idle, asked, ship, run: async () => (await idle.read(id)).run }
}

describe('a run that is shipped', () => {
  test('asks the registry as its caller, by the plan of its project file, and it is kept and told', async (t) => {
    const { idle, asked, ship, run } = await ended(t)
    await ship()
    const { deployment, ...version } = asked[0] ?? assert.fail()
    assert.deepEqual(version, { model: 'tide', version: '4' })
    const { endpoint, project, by, role, run: id, plan } = deployment
    assert.deepEqual([endpoint, project, by, role, id], ['port', 'sea', 'ben', 'maintainer', 'pr_1'])
    assert.match(JSON.stringify(plan.canary), /10/)
    assert.equal((await run()).registered?.deployed, true)
    assert.deepEqual(idle.audit.at(-1), { shipped: 'tide/4', endpoint: 'port' })
  })

  test('keeps when it was asked first', async (t) => {
    const { idle, ship } = await ended(t)
    const when = async () =>
      (await idle.context.deps.db.get<{ shipped_at: number | null }>('SELECT shipped_at FROM pipeline_runs'))
        ?.shipped_at
    assert.equal(await when(), null)
    await ship()
    const first = await when()
    assert.equal(typeof first, 'number')
    await idle.setRun('pr_1', { shipped_at: 5 })
    await ship()
    assert.equal(await when(), 5)
  })

  test('that was shipped before changes nothing', async (t) => {
    const { idle, ship, run } = await ended(t, { asks: false })
    const told = idle.audit.length
    await ship()
    assert.deepEqual([(await run()).registered?.deployed, idle.audit.length], [false, told])
  })

  test('keeps nothing where the registry refuses', async (t) => {
    const { idle, ship, run } = await ended(t, { asks: problem('conflict', { detail: 'its gates refuse it' }) })
    const told = idle.audit.length
    await assert.rejects(ship(), { code: 'conflict', message: /its gates refuse it/ })
    assert.deepEqual([(await run()).registered?.deployed, idle.audit.length], [false, told])
  })

  for (const [what, given, said] of [
    ['that goes on', { row: { state: 'running', outcome: null } }, /run pr_1 has not ended/],
    ['that registered nothing', { row: { registered: null } }, /run pr_1 has registered no version/],
    ['without an endpoint', { yaml: PROJECT }, /run pr_1 is of a project that names no endpoint/],
  ] as const)
    test(`${what} is refused, and nothing is asked`, async (t) => {
      const { asked, ship } = await ended(t, given)
      await assert.rejects(ship(), { code: 'conflict', message: said })
      assert.deepEqual(asked, [])
    })
})
