/** `slipway demo`: the whole promise on real data, told with true figures that are read back through the API. */
import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { authApi } from '../../contract/auth.ts'
import { number, text } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { ServerProcess } from './stage/server-process.ts'
import { held, playStory, summary } from './story.ts'
import { newClient } from './stage/world.ts'
import type { World } from './stage/world.ts'
import { paint } from '../invocation/output.ts'

const PROJECT = resolve(import.meta.dirname, '../../../examples/flights')
const ACTS = 8

/** What ends the story early. The terminal of a story that is over may be closed. */
const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export async function run(invocation: Invocation): Promise<number> {
  const begun = performance.now()
  const last = number(invocation, 'acts', { min: 1, max: ACTS, default: ACTS })
  const data = resolve(
    text(invocation, 'data') ?? join('.slipway', 'demo', new Date().toISOString().replace(/[:.]/g, '-')),
  )
  await mkdir(data, { recursive: true, mode: 0o700 })
  const server = new ServerProcess(data)
  let ended: Promise<void> | undefined
  const endBySignal = (): void => {
    // asked twice, it ends no sooner: first what runs is ended
    ended ??= server.stop().finally(() => process.exit(130))
  }
  for (const name of ENDS) process.on(name, endBySignal)
  // a server whose story did not even begin is not kept
  let keep = false
  try {
    const { world, loginUrl } = await openWorld(invocation, server)
    keep = invocation.flags['no-keep'] !== true
    const results = await playStory(world, last)
    // an act that a signal has broken off tells nothing
    await ended
    world.traffic?.close()
    const ok = held(results, last)
    const seconds = (performance.now() - begun) / 1000
    invocation.out.data({
      ok,
      seconds,
      data,
      url: world.client.url,
      gateway_url: world.gatewayUrl,
      sent: world.sent,
      failed: world.failed,
      acts: results,
    })
    if (keep) server.release()
    tell(invocation, {
      results: summary(results),
      ok,
      seconds,
      data,
      loginUrl: await freshLink(world, loginUrl),
      pid: server.pid,
      keep,
    })
    return ok ? 0 : 1
  } finally {
    await ended
    if (!keep) await server.stop()
    for (const name of ENDS) process.off(name, endBySignal)
  }
}

async function openWorld(invocation: Invocation, server: ServerProcess): Promise<{ world: World; loginUrl: string }> {
  invocation.out.progress('starting a server')
  const file = await server.start()
  const token = (await readFile(file.token_file, 'utf8')).trim()
  invocation.out.line(`Slipway runs on ${file.url}, predictions on ${file.gateway_url}; data in ${server.data}`)
  invocation.out.line(`Watch the story: ${file.loginUrl}`)
  invocation.out.line(`The link works once, for 15 minutes. A new one: ${newLink(server.data)}`)
  const world: World = {
    out: invocation.out,
    server,
    client: newClient(file.url, token),
    gatewayUrl: file.gateway_url,
    token,
    project: PROJECT,
    traffic: undefined,
    table: undefined,
    proof: undefined,
    candidates: new Map(),
    clock: 0,
    failed: 0,
    sent: 0,
  }
  return { world, loginUrl: file.loginUrl }
}

function newLink(data: string): string {
  return `slipway env --link --data ${data}`
}

/** The link of the start may be used or too old by now. */
async function freshLink(world: World, fallback: string): Promise<string> {
  return world.client.call(authApi.createLoginLink).then(
    ({ url }) => url,
    () => fallback,
  )
}

interface Ending {
  readonly results: string
  readonly ok: boolean
  readonly seconds: number
  readonly data: string
  readonly loginUrl: string
  readonly pid: number
  readonly keep: boolean
}

function tell(invocation: Invocation, end: Ending): void {
  const { out } = invocation
  out.line(`\n${end.results}\n`)
  const verdict = end.ok
    ? paint('green', 'Every act was verified through the API.')
    : paint('red', 'Something did not hold: see NO above.')
  out.line(`${verdict} ${end.seconds.toFixed(0)} s in all.`)
  if (end.keep) {
    out.line(`\nLook around: ${end.loginUrl}`)
    out.line(`The link works once, for 15 minutes. A new one: ${newLink(end.data)}`)
    out.line(`Stop it: kill ${end.pid}`)
    out.line(`Use the command line: export SLIPWAY_DATA=${end.data}`)
  }
  out.line('Your own model: slipway init my-model && slipway ship my-model (docs/tutorial.md)')
}
