/** `slipway demo llm`: the gateway of language models with a real small model behind it, told with true figures that are read back through the API. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { number } from '../../invocation/command.ts'
import type { Invocation } from '../../invocation/command.ts'
import { dataFolder, endable, freshLink, newLink, tellEnding } from '../stage/ending.ts'
import { held, playActs, summary } from '../stage/playing.ts'
import type { Act } from '../stage/playing.ts'
import { ServerProcess } from '../stage/server-process.ts'
import { newClient } from '../stage/world.ts'
import { budget } from './acts/budget.ts'
import { client } from './acts/client.ts'
import { killed } from './acts/killed.ts'
import { serve } from './acts/serve.ts'
import { ModelProcess } from './model/process.ts'
import { bringParts } from './parts/parts.ts'
import type { Parts } from './parts/parts.ts'
import { thisMachine } from './parts/platform.ts'
import { loadOpenAi, MODEL_NAME } from './stage/llm-world.ts'
import type { LlmWorld } from './stage/llm-world.ts'

const ACTS: readonly Act<LlmWorld>[] = [
  { title: 'Serve: a real model, an endpoint, a price, a key', play: serve },
  { title: 'The official client: the same words through the gateway', play: client },
  { title: 'Budget: twenty calls at once stop exactly', play: budget },
  { title: 'Killed: a provider dies with its calls', play: killed },
]

/** What runs beside this process, so that a signal ends it however far the story has come. */
class Troupe {
  readonly data: string
  readonly models: ModelProcess[] = []
  server: ServerProcess | undefined

  constructor(data: string) {
    this.data = data
  }

  async stop(): Promise<void> {
    await this.server?.stop()
    await Promise.all(this.models.map((model) => model.stop()))
  }

  /** Lets all go on after this process: the models until the server ends. */
  release(server: ServerProcess): void {
    server.release()
    for (const model of this.models) model.stayWith(server.pid)
  }
}

/** Plays the story. Throws `unavailable` where what it needs is neither in the cache nor to be had. */
export async function run(invocation: Invocation): Promise<number> {
  const last = number(invocation, 'acts', { min: 1, max: ACTS.length, default: ACTS.length })
  const begun = performance.now()
  const parts = await bringParts({ say: (line) => invocation.out.progress(line), machine: thisMachine() })
  const brought = (performance.now() - begun) / 1000
  const data = dataFolder(invocation)
  await mkdir(data, { recursive: true, mode: 0o700 })
  const troupe = new Troupe(data)
  return endable(
    () => troupe.stop(),
    async (ended) => {
      // a server whose story did not even begin is not kept
      let keep = false
      try {
        const { world, server, loginUrl } = await openWorld(invocation, troupe, parts)
        keep = invocation.flags['no-keep'] !== true
        const acts = await playActs(ACTS.slice(0, last), world)
        // an act that a signal has broken off tells nothing
        await ended()
        const ok = held(acts, last)
        const seconds = (performance.now() - begun) / 1000
        const [url, gateway_url] = [world.client.url, world.gatewayUrl]
        invocation.out.data({ ok, seconds, brought_seconds: brought, data, url, gateway_url, acts })
        if (keep) troupe.release(server)
        tellEnding(invocation, {
          results: summary(acts),
          ok,
          seconds,
          data,
          loginUrl: await freshLink(world.client, loginUrl),
          pid: server.pid,
          keep,
          next: nextOf(world, keep),
        })
        return ok ? 0 : 1
      } finally {
        await ended()
        if (!keep) await troupe.stop()
      }
    },
  )
}

function nextOf(world: LlmWorld, keep: boolean): string {
  const guide = 'Your own models: docs/guides/language-models.md'
  return keep
    ? `The pages of language models: ${world.client.url}/llm; the model goes on until the server ends.\n${guide}`
    : guide
}

async function openWorld(invocation: Invocation, troupe: Troupe, parts: Parts) {
  const { out } = invocation
  out.progress('loading the model, twice')
  const near = await startModel(troupe, parts, 'near')
  const spare = await startModel(troupe, parts, 'spare')
  out.progress('starting a server')
  const allowed = [near, spare].map(({ url }) => new URL(url).host).join(',')
  const server = new ServerProcess(troupe.data, { SLIPWAY_EGRESS_ALLOW: allowed })
  troupe.server = server
  const file = await server.start()
  const token = (await readFile(file.token_file, 'utf8')).trim()
  out.line(`Slipway runs on ${file.url}, language models on ${file.gateway_url}/v1; data in ${troupe.data}`)
  out.line(`${MODEL_NAME} runs in two processes on the processor: near ${near.url}, spare ${spare.url}`)
  out.line(`Watch the story: ${file.loginUrl}`)
  out.line(`The link works once, for 15 minutes. A new one: ${newLink(troupe.data)}`)
  const world: LlmWorld = {
    out,
    client: newClient(file.url, token),
    gatewayUrl: file.gateway_url,
    models: { near, spare },
    openai: await loadOpenAi(parts.folder),
    key: '',
  }
  return { world, server, loginUrl: file.loginUrl }
}

async function startModel(troupe: Troupe, parts: Parts, name: string): Promise<ModelProcess> {
  const options = { ...parts, name: MODEL_NAME, threads: 1 }
  const model = await ModelProcess.start(options, join(troupe.data, `model-${name}.log`))
  troupe.models.push(model)
  return model
}
