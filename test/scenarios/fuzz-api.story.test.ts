/** The published OpenAPI document against a running server, by schemathesis: what is generated from it, right and wrong, is never a 500. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { testEnv } from '../python-env.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'

const DOCUMENT = resolve(import.meta.dirname, '../../docs/reference/openapi.json')
/** Longest run, s; what is not reached in this time is left out. */
const MOST_S = 25

let server: TestServer
const folder = mkdtempSync(join(tmpdir(), 'slipway-fuzz-'))

before(async () => {
  server = await startTestServer({ gateways: 1, env: { SLIPWAY_LOG_LEVEL: 'error' } })
  const make = (path: string, body: object, method = 'POST'): Promise<Response> =>
    fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  // some things to meet, so that not every call ends at "does not exist"
  await make('/api/2.0/mlflow/registered-models/create', { name: '0' })
  await make('/v1/endpoints/0', { project: 'default', model: '0' }, 'PUT')
  await make('/api/2.0/mlflow/runs/create', { experiment_id: '0' })
})
after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

interface Ended {
  readonly code: number | null
  readonly text: string
}

/** Runs a program to its end, which is that of the test at the latest. */
function run({ signal }: TestContext, program: string, args: readonly string[]): Promise<Ended> {
  const { promise, resolve: done, reject } = Promise.withResolvers<Ended>()
  const child = spawn(program, args, { cwd: folder, signal, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)))
  child.once('error', reject)
  child.once('close', (code) => done({ code, text }))
  return promise
}

/** What schemathesis found: its part about failures, of its long report. */
function failuresOf(text: string): string {
  return text.slice(Math.max(0, text.indexOf(' FAILURES '), text.indexOf(' ERRORS '))).slice(0, 6000)
}

test('no call that the document allows, and none that it forbids, is a fault of the server or an answer it does not name', async (t) => {
  const python = await testEnv(['schemathesis==4.32.5'], 'once')
  const options = {
    '--url': server.url,
    '--header': `Authorization: Bearer ${server.token}`,
    '--checks': 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance',
    '--phases': 'examples,coverage,fuzzing',
    '--max-examples': '6',
    '--max-time': String(MOST_S),
    '--seed': '1',
    // streams that do not end by themselves
    '--exclude-path-regex': '/(events|changes|stream)$',
    '--request-timeout': '300',
    // how long a generator takes is a matter of the machine, and no fault of the server
    '--suppress-health-check': 'all',
    '--warnings': 'off',
  }
  const flags = ['--generation-deterministic', '--no-shrink', '--no-color']
  const program = join(dirname(python), 'schemathesis')
  const { code, text } = await run(t, program, ['run', DOCUMENT, ...Object.entries(options).flat(), ...flags])
  assert.equal(code, 0, failuresOf(text))
  assert.match(text, /No issues found|✅/)
  assert.equal(server.errors(), '')
})
