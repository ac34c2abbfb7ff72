/** Models that misbehave as models do: each fails its own caller, and the scorer, or its successor, answers the next. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { servingModels } from '../../../test/serving-models.ts'
import { until } from '../../../test/until.ts'
import { isAlive } from '../run-files.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { CallLimits } from '../../scoring/rows/backend.ts'
import type { Scored } from '../../scoring/rows/scores.ts'
import { scorerPools, writeModel } from './pool.fixture.ts'
import type { PythonBackend } from './python.ts'

const MODEL = `
import ctypes
import os
import sys
import time

import numpy as np


class Model:
    def predict(self, frame):
        what, count = int(frame["x"].iloc[0]), len(frame)
        if what == 1:
            ctypes.string_at(0)
        if what == 2:
            os._exit(0)
        if what == 3:
            sys.exit(1)
        if what == 4:
            return np.zeros(count + 1)
        if what == 5:
            return []
        if what == 6:
            return 7.0
        if what == 10:
            return np.zeros((count, 2, 3))
        if what == 11:
            return np.zeros((count, 2, 3)).tolist()
        if what == 12:
            return frame["x"].to_numpy()[:-1]
        if what == 7:
            child = os.fork()
            if child == 0:
                time.sleep(600)
            return np.full(count, float(child))
        if what == 8:
            os.fork()
        if what == 9 and os.fork() == 0:
            raise ValueError("in the child")
        return frame["x"].to_numpy()

`

const inputs: readonly InputField[] = [{ name: 'x', kind: 'number', required: true, dtype: 'double' }]
const pools = scorerPools()
let python = ''
before(async () => {
  ;({ python } = await servingModels())
  writeModel(join(pools.folder, 'model'), MODEL)
})

async function started(): Promise<PythonBackend> {
  const made = pools.make({ python, dir: join(pools.folder, 'model'), inputs })
  await made.start()
  return made
}

const score = async (backend: PythonBackend, x: number): Promise<readonly Scored[]> => {
  const limits: CallLimits = { deadline: Date.now() + 240_000, params: null, bytes: 100, priority: 'normal' }
  return backend.score([[x]], limits)
}
const pidOf = (backend: PythonBackend): number =>
  (backend.describe() as unknown as { scorers: { pid: number }[] }).scorers[0]?.pid ?? 0

async function untilGone(pid: number): Promise<void> {
  await until(`the end of process ${pid}`, () => !isAlive(pid, null))
}

test('a model that crashes, or ends its process in order, fails its caller; the next scorer answers', async () => {
  for (const what of [1, 2, 3]) {
    const backend = await started()
    const before = pidOf(backend)
    await assert.rejects(score(backend, what), { code: 'upstream_failed' })
    assert.equal((await score(backend, 100))[0]?.prediction, 100)
    assert.notEqual(pidOf(backend), before, `fault ${what}`)
  }
})

test('an answer of another number of rows, or of none, fails its caller alone; lists within lists are answered', async () => {
  const backend = await started()
  const before = pidOf(backend)
  await assert.rejects(score(backend, 4), /answered 2 rows for 1/)
  await assert.rejects(score(backend, 5), /answered 0 rows for 1/)
  await assert.rejects(score(backend, 6), /answered one float for 1 rows/)
  await assert.rejects(score(backend, 12), /answered 0 rows for 1/)
  const zeros = [0, 0, 0]
  for (const what of [10, 11]) assert.deepEqual((await score(backend, what))[0]?.prediction, [zeros, zeros])
  assert.equal((await score(backend, 100))[0]?.prediction, 100)
  assert.equal(pidOf(backend), before)
})

test('processes that a model forks end with its scorer, killed or ended', async () => {
  const killed = await started()
  const orphan = Number((await score(killed, 7))[0]?.prediction)
  assert.ok(isAlive(orphan, null))
  process.kill(pidOf(killed), 'SIGKILL')
  await untilGone(orphan)
  assert.equal((await score(killed, 100))[0]?.prediction, 100)
  const other = Number((await score(killed, 7))[0]?.prediction)
  await killed.close()
  await untilGone(other)
})

test('a fork that comes back from the model, with an answer or an error, does not answer twice', async () => {
  const backend = await started()
  const before = pidOf(backend)
  for (const what of [8, 9, 8]) {
    assert.equal((await score(backend, what))[0]?.prediction, what)
    for (const x of [101, 102, 103]) assert.equal((await score(backend, x))[0]?.prediction, x)
  }
  assert.equal(pidOf(backend), before)
})
