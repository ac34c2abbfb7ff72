/** No place of `src` takes every error for an absence: what may be missing is asked by `src/contract/absence/absent.ts`, and the rest goes up. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { sourceFiles } from './files.ts'

/** A promise whose every error becomes nothing, whatever it is. */
const BLANKET = /\.catch\(\(\) => (?:undefined|false|true|null|\[\]|\{\}|\(\{\}\)|''|0)\)/g

const WAIT = 'a wait that its signal ends'
const PLEASE = 'a clean-up that may fail: what it leaves is taken away later'
const TOLD = 'who awaits the same promise is told of its error; here it is only kept from being unhandled'
const PROCESS = 'a process that has ended, or is another user’s, is not ours'
const SPAWN = 'the pool itself counts the deaths and tells them'

/** Where it is meant: how often, and why no answer is made of an error there. */
const MEANT: Readonly<Record<string, readonly [count: number, reason: string]>> = {
  'src/jobs/leases.ts': [2, `${WAIT}; and a lease that is not given back runs out`],
  'src/gateway/gateway.ts': [1, TOLD],
  'src/gateway/backends/python.ts': [3, SPAWN],
  'src/monitoring/monitoring.ts': [1, WAIT],
  'src/pipelines/drivers/local/driver.ts': [1, PROCESS],
  'src/pipelines/drivers/local/processes.ts': [1, PROCESS],
  'src/pipelines/run/reconciler.ts': [1, 'the next look finds the run'],
  'src/rollout/controller/loop.ts': [1, WAIT],
  'src/envs/file-lock.ts': [2, 'a lock that cannot be read is held by nobody that could be asked'],
  'src/cli/invocation/server.ts': [1, 'without a token the server itself refuses the call'],
  'src/cli/demo/stage/proof.ts': [1, TOLD],
  'src/cli/demo/stage/leftovers.ts': [2, PROCESS],
  'src/cli/demo/stage/candidates.ts': [2, TOLD],
  'src/cli/demo/acts/ship.ts': [1, TOLD],
  'src/scoring/onnx/backend.ts': [1, 'a first call warms the session up; calls of callers tell what fails'],
  'src/store/postgres/notices.ts': [3, `${WAIT}; it connects again until it can`],
  'src/store/postgres/snapshot.ts': [1, 'statistics of the planner'],
  'src/store/sqlite/sqlite.ts': [1, 'the next checkpoint does the same'],
  'src/store/kept-replies.ts': [2, 'the reply goes out although it is not kept'],
  'src/store/blobs/disk.ts': [1, TOLD],
  'src/store/blobs/s3/blobs.ts': [1, PLEASE],
  'src/store/blobs/s3/parts.ts': [1, PLEASE],
  'src/serving/records/ingest.ts': [1, TOLD],
  'src/serving/records/figures.ts': [1, 'a gateway that does not answer has no figures; the others are added'],
  'src/serving/fleet/fleet.ts': [2, `${WAIT}; and a gateway that does not answer is not ready`],
  'src/serving/fleet/places.ts': [1, WAIT],
  'src/transfer/server/calls.ts': [1, 'the text of a refusal, which is told without it'],
  'src/transfer/wandb/files.ts': [1, 'a link that leads nowhere or in a circle'],
}

test('no error is taken for an absence, but where the list says why', () => {
  const root = resolve(import.meta.dirname, '../..')
  const found: Record<string, number> = {}
  for (const file of sourceFiles(root)) {
    if (!file.startsWith('src/') || /\.(?:test|cases|fixture)\.ts$/.test(file)) continue
    const count = readFileSync(join(root, file), 'utf8').match(BLANKET)?.length ?? 0
    if (count > 0) found[file] = count
  }
  const meant = Object.fromEntries(Object.entries(MEANT).map(([file, [count]]) => [file, count]))
  assert.deepEqual(found, meant, 'use ifFound, ifRefused or ifMissing of src/contract/absence/absent.ts')
})
