/** `slipway demo`: the whole promise on real data, told with true figures that are read back through the API. */
import { mkdir, readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { number, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { dataFolder, endable, freshLink, newLink, tellEnding } from './stage/ending.ts'
import { held, summary } from './stage/playing.ts'
import { ServerProcess } from './stage/server-process.ts'
import { playStory } from './story.ts'
import { newClient } from './stage/world.ts'
import type { World } from './stage/world.ts'

const PROJECT = resolve(import.meta.dirname, '../../../examples/flights')
const ACTS = 8

export async function run(invocation: Invocation): Promise<number> {
  const [story = 'flights'] = invocation.args
  if (story === 'llm') return (await import('./llm/story.ts')).run(invocation)
  if (story !== 'flights') throw new UsageError(`there is no demo "${story}"; expected none, or llm`)
  const begun = performance.now()
  const last = number(invocation, 'acts', { min: 1, max: ACTS, default: ACTS })
  const data = dataFolder(invocation)
  await mkdir(data, { recursive: true, mode: 0o700 })
  const server = new ServerProcess(data)
  return endable(
    () => server.stop(),
    async (ended) => {
      // a server whose story did not even begin is not kept
      let keep = false
      try {
        const { world, loginUrl } = await openWorld(invocation, server)
        keep = invocation.flags['no-keep'] !== true
        const results = await playStory(world, last)
        // an act that a signal has broken off tells nothing
        await ended()
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
        tellEnding(invocation, {
          results: summary(results),
          ok,
          seconds,
          data,
          loginUrl: await freshLink(world.client, loginUrl),
          pid: server.pid,
          keep,
          next: 'Your own model: slipway init my-model && slipway ship my-model (docs/tutorial.md)',
        })
        return ok ? 0 : 1
      } finally {
        await ended()
        if (!keep) await server.stop()
      }
    },
  )
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
