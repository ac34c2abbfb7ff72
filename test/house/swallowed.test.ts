/** No place takes every error for an absence: what may be missing is asked by `src/contract/absence/absent.ts`, and the rest goes up. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { codeFiles } from './files.ts'
import { swallowingsOf } from './swallowing.ts'

const PLEASE = 'a clean-up that may fail: what it leaves is taken away later'
const TOLD = 'who awaits the same promise is told of its error; here it is only kept from being unhandled'
const SPAWN = 'the pool itself counts the deaths and tells them'
const ASKED = 'asks whether something answers yet, again and again; the end of the wait tells'
const SAID = 'what could not be done is itself what is said'

/** Where it is meant: how often, and why no answer is made of an error there. */
const MEANT: Readonly<Record<string, readonly [count: number, reason: string]>> = {
  'bench/images/start.ts': [1, ASKED],
  'bench/load/peer.ts': [1, ASKED],
  'src/cli/demo/acts/crash.ts': [1, TOLD],
  'src/cli/demo/acts/ship.ts': [1, TOLD],
  'src/cli/demo/stage/candidates.ts': [2, TOLD],
  'src/cli/demo/stage/ending.ts': [1, 'the older link is shown where no new one is to be had'],
  'src/cli/demo/stage/proof.ts': [1, TOLD],
  'src/cli/operation/doctor.ts': [3, `${SAID}; and a folder that cannot be looked at is no folder to look at`],
  'src/cli/project/git.ts': [1, 'a commit is noted where git tells one'],
  'src/envs/file-lock.ts': [
    4,
    'a lock that cannot be read is held by nobody that could be asked, and one that cannot be touched gives no sign',
  ],
  'src/features/jobs/now.ts': [1, 'whoever asked for the join before is told'],
  'src/gateway/backends/python.ts': [3, SPAWN],
  'src/gateway/backends/scorer.ts': [
    1,
    'a scorer that does not speak the protocol is ended, and whoever waits is told',
  ],
  'src/gateway/gateway.ts': [1, TOLD],
  'src/http/egress-stream.ts': [1, TOLD],
  'src/jobs/leases.ts': [1, 'a lease that is not given back runs out'],
  'src/pipelines/drivers/local/processes.ts': [1, '`ps` fails where there is no such process'],
  'src/pipelines/run/reconciler.ts': [1, 'the next look finds the run'],
  'src/registry/gates/change.ts': [1, TOLD],
  'src/registry/gates/kept.ts': [1, TOLD],
  'src/scoring/onnx/backend.ts': [
    2,
    'a call that only warms up, and a session that is not opened again: callers are told',
  ],
  'src/serving/endpoints/trial-tokens.ts': [1, TOLD],
  'src/serving/fleet/fleet.ts': [1, 'a gateway that does not answer is not ready'],
  'src/serving/fleet/places.ts': [1, TOLD],
  'src/serving/fleet/publisher.ts': [1, TOLD],
  'src/serving/records/figures.ts': [1, 'a gateway that does not answer has no figures; the others are added'],
  'src/store/blobs/disk.ts': [1, TOLD],
  'src/store/blobs/disk-sync.ts': [
    1,
    'what cannot be synced together is synced file by file, and that tells what is wrong',
  ],
  'src/store/blobs/s3/blobs.ts': [1, PLEASE],
  'src/store/blobs/s3/parts.ts': [1, PLEASE],
  'src/store/blobs/trees.ts': [1, 'what cannot be linked is copied, and the copy tells what is wrong'],
  'src/store/kept-replies.ts': [2, 'the reply goes out although it is not kept'],
  'src/store/postgres/notices.ts': [3, 'it connects again until it can; whoever shows something reads it anew'],
  'src/store/postgres/cancel.ts': [
    1,
    'a cancel that may not have arrived is told by a connection that is not used again',
  ],
  'src/store/postgres/postgres.ts': [
    2,
    'a connection that cannot be made clean is not used again; the first error is told',
  ],
  'src/store/postgres/snapshot.ts': [1, 'statistics of the planner'],
  'src/store/postgres/statistics.ts': [1, 'statistics of the planner'],
  'src/store/sqlite/sqlite.ts': [1, 'the next checkpoint does the same'],
  'src/store/writable.ts': [1, SAID],
  'src/transfer/server/calls.ts': [1, 'the text of a refusal, which is told without it'],
  'src/transfer/wandb/files.ts': [1, `${SAID}: a link that leads nowhere or in a circle is noted`],
  'test/certificate.ts': [1, SAID],
  'test/check/prepare.ts': [1, 'a system without a package of the headless browser has the whole one'],
  'test/check/python-lint.ts': [1, SAID],
  'test/check/tests.ts': [1, 'tests that need more are skipped by name'],
  'test/clients/mlflow-server.ts': [1, ASKED],
  'test/clusters/network.ts': [1, ASKED],
  'test/clusters/slurm-nodes.ts': [2, ASKED],
  'test/fixtures/two-endpoints.ts': [
    1,
    'a model that is there already; what is made of it tells whatever else is wrong',
  ],
  'test/images/engine.ts': [1, ASKED],
  'test/images/registry.ts': [1, ASKED],
  'test/s3.ts': [1, ASKED],
  'test/web/pictures.ts': [1, ASKED],
}

test('no error is swallowed without a look at it, but where the list says why', () => {
  const root = resolve(import.meta.dirname, '../..')
  const found: Record<string, number> = {}
  for (const file of codeFiles(root)) {
    if (file.endsWith('.py') || /\.(?:test|cases|fixture)\.tsx?$/.test(file)) continue
    const places = swallowingsOf(file, readFileSync(join(root, file), 'utf8'))
    if (places.length > 0) found[file] = places.length
  }
  const meant = Object.fromEntries(Object.entries(MEANT).map(([file, [count]]) => [file, count]))
  assert.deepEqual(found, meant, 'use what src/contract/absence/absent.ts has, or look at the error')
})

/** How many places of a text swallow. */
function count(text: string): number {
  return swallowingsOf('a.ts', text).length
}

test('what counts as swallowed: a catch, a handler of a rejection, that does not look at the error', () => {
  for (const text of [
    'try { await read() } catch { }',
    'try { await JSON.parse(a) } catch { }',
    'try { read() } catch { return undefined }',
    'try { JSON.parse(readFileSync(a)) } catch { return [] }',
    'try { read() } catch (error) { return [] }',
    'try { read() } catch ({ code }) { return [] }',
    'read().catch(() => undefined)',
    'read().catch(function () { return 1 })',
    'read().catch((error) => [])',
    'read().catch((_) => { log("x") })',
    'read().then((a) => a, () => false)',
    'read().then((a) => a).catch(async () => await other())',
  ])
    assert.equal(count(`async function f() { ${text} }`), 1, text)
  for (const text of [
    'try { JSON.parse(a) } catch { return undefined }',
    'try { return new URL(a).host === b.toLowerCase() } catch { return false }',
    'try { read() } catch (error) { throw other(error) }',
    'try { read() } catch (error) { if (error.code !== "ENOENT") throw error }',
    'try { read() } catch ({ code }) { if (code !== "ENOENT") throw code }',
    'try { read() } finally { close() }',
    'read().catch((error) => { if (error.code !== "ENOENT") throw error })',
    'read().catch(report)',
    'read().then((a) => a)',
    'delay(5, undefined, { signal }).catch(() => undefined)',
  ])
    assert.equal(count(`async function f() { ${text} }`), 0, text)
})
