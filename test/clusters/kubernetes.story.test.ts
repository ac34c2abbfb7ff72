/** What every driver must do passes on a real Kubernetes, whose pods are processes of this machine. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { driverCaseNames } from '../../src/pipelines/drivers/driver.cases.ts'
import { findPlane, NO_PLANE, whyNoPlane } from './kubernetes-plane.ts'
import { ownNetwork } from './network.ts'

test('every case of drivers passes on Kubernetes, and what only Kubernetes does', async (t) => {
  const missing = whyNoPlane()
  if (missing !== undefined) return t.skip(missing)
  const program = await findPlane()
  if (program === undefined) return t.skip(NO_PLANE)
  const alone = ownNetwork()
  if (alone === undefined)
    return t.skip('no network namespace is to be had, and the ports of a control plane are fixed')
  const [unshare = '', ...words] = alone
  const cases = join(import.meta.dirname, 'kubernetes.cases.ts')
  const { NODE_TEST_CONTEXT: _ours, ...env } = process.env
  const child = spawn(unshare, [...words, process.execPath, '--test', '--test-reporter=tap', cases], {
    // what a step and its test both look at must not lie in the /tmp that each pod has of its own
    env: { ...env, TMPDIR: '/var/tmp', SLIPWAY_TEST_KUBERNETES: program },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject))
  assert.equal(code, 0, said.slice(-20_000))
  for (const [, figure = ''] of said.matchAll(/^\s*# (from the Job .*)$/gm)) t.diagnostic(figure)
  const passed = [...said.matchAll(/^ok \d+ - (.*)$/gm)].map(([, name]) => name?.replaceAll('\\#', '#'))
  assert.deepEqual(
    driverCaseNames().filter((name) => !passed.includes(name)),
    [],
  )
})
