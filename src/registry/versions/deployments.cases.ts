/** Cases: versions that ask for their endpoint after they were registered. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { approve } from '../gates/approvals.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import type { Gate } from '../../contract/registry.ts'
import { askDeployment, markDeployment, wantedDeployments } from './deployments.ts'
import { registerVersion } from './register.ts'
import { deleteModel } from './models.ts'

const TO_SEA = {
  endpoint: 'sea',
  project: 'default',
  plan: null,
  monitor: {},
  by: 'ana',
  role: 'contributor' as const,
  run: 'pr_1',
}

export function deploymentCases(bench: Bench): void {
  const make = async (model: string, gates: readonly Gate[] = [], auc = 0.9): Promise<string> => {
    const made = await registerVersion(bench.room, root, {
      ...(await wanted(bench, { model, gates, auc })),
      deployment: null,
    })
    return made.version
  }
  const ask = (model: string, version: string, deployment = TO_SEA): Promise<boolean> =>
    bench.room.db.tx((t) => askDeployment(t, { model, version, deployment }))
  const asking = async (model: string) => (await wantedDeployments(bench.room.db)).filter((one) => one.model === model)

  it('a version that was registered alone asks for its endpoint once it is told to, and once only', async () => {
    const version = await make('apart')
    assert.deepEqual(await asking('apart'), [])
    assert.equal(await ask('apart', version), true)
    assert.deepEqual(await asking('apart'), [{ ...TO_SEA, model: 'apart', version }])
    assert.equal(await ask('apart', version, { ...TO_SEA, by: 'ben' }), false)
    assert.deepEqual((await asking('apart'))[0]?.by, 'ana', 'the first wish stands')
    await bench.room.db.tx((t) => markDeployment(t, { model: 'apart', version }, { rollout: 'rol_1', kept: [] }))
    assert.equal(await ask('apart', version), false, 'nor again when a rollout has taken it up')
    assert.deepEqual(await asking('apart'), [])
  })

  it('one that its gates refuse asks for nothing, and one that waits for approvals asks and waits', async () => {
    const bad = await make('poor', [{ metric: 'auc', at_least: 0.8 }], 0.5)
    await assert.rejects(ask('poor', bad), { code: 'conflict', message: /is refused by its gates: .*auc/ })
    const waits = await make('approval', [{ approvals: 1, role: 'maintainer' }])
    assert.equal(await ask('approval', waits), true)
    assert.deepEqual(await asking('approval'), [])
    await approve(bench.room, person('maintainer', null), { model: 'approval', version: waits }, 'good')
    assert.equal((await asking('approval')).length, 1)
  })

  it('an older one does not come after a newer one that has asked for the same endpoint', async () => {
    const [old, young] = [await make('order'), await make('order', [], 0.91)]
    assert.equal(await ask('order', young), true)
    await assert.rejects(ask('order', old), {
      code: 'conflict',
      message: /would come to "sea" after version 2, which is newer/,
    })
    assert.equal(await ask('order', old, { ...TO_SEA, endpoint: 'lake' }), true, 'another endpoint is another way')
  })

  it('of two callers at once one asks, and what is not there is told', async () => {
    const version = await make('twice')
    const both = await Promise.all([ask('twice', version), ask('twice', version)])
    assert.equal(both.filter((asked) => asked).length, 1)
    await assert.rejects(ask('twice', '9'), { code: 'not_found' })
    const gone = await make('gone')
    await deleteModel(bench.room, root, 'gone')
    await assert.rejects(ask('gone', gone), { code: 'not_found' })
  })
}
