/** Which packages a version answers with: those that it was made with, else those of the requirements in its own folder. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Envs } from '../../envs/environments.ts'
import type { Lock } from '../../envs/lock.ts'
import type { VersionRow } from '../context/context.ts'
import { lockOf, versionPython } from './environment.ts'

const dir = mkdtempSync(join(tmpdir(), 'slipway-environment-'))
writeFileSync(join(dir, 'requirements.txt'), 'six==1.17.0\n')
after(() => rmSync(dir, { recursive: true }))

const lock = (digest: string): Lock => ({ digest, python_version: '3.11.2', platform: 'p', text: digest, packages: [] })
const envs: Envs = {
  resolve: async ({ files }) => lock(`of ${files['requirements.txt']?.trim()}`),
  python: async (digest) => `/envs/${digest}/bin/python`,
  lock: async (digest) => lock(digest),
}
const version = (environment: string | null): VersionRow => ({ environment }) as VersionRow

test('a version that a run made has the packages of that run', async () => {
  assert.equal((await lockOf(envs, version('sha256:1'), dir)).text, 'sha256:1')
  assert.equal(await versionPython(envs)(version('sha256:1'), dir), '/envs/sha256:1/bin/python')
})

test('a version that was logged by a client has those of its own requirements', async () => {
  assert.equal((await lockOf(envs, version(null), dir)).text, 'of six==1.17.0')
  assert.equal(await versionPython(envs)(version(null), dir), '/envs/of six==1.17.0/bin/python')
})
