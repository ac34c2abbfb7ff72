/** Act 4: a provider is killed with -9 in the middle of its calls: those that wait fall back, the stream that was under way is told as cut; when it is back, it is asked again. */
import { setTimeout as wait } from 'node:timers/promises'
import { llmCallsApi } from '../../../../contract/llm-calls.ts'
import type { LlmCall } from '../../../../contract/llm-calls.ts'
import { until } from '../../stage/world.ts'
import type { Notebook } from '../../stage/world.ts'
import { callsSince, chatBody, detailOf, directly, MODEL_NAME, through } from '../stage/llm-world.ts'
import type { LlmWorld } from '../stage/llm-world.ts'
import { counting } from './client.ts'

/** Calls that wait in the provider when it dies, and those that are made afterwards. */
const WAITING = 4
const AFTER = 6
/** Tokens of the stream that is cut: many more than come. */
const LONG = 1000
/** Between calls that ask whether it is called again, ms. */
const PAUSE_MS = 500
const QUESTION = 'What is a fallback?'

export async function killed(world: LlmWorld, notes: Notebook): Promise<void> {
  const { near, spare } = world.models
  const said = await directly(world, spare).chat.completions.create(chatBody(QUESTION, 8, MODEL_NAME))
  const words = said.choices[0]?.message.content
  const ask = async (): Promise<boolean> =>
    (await through(world).chat.completions.create(chatBody(QUESTION, 8))).choices[0]?.message.content === words
  const since = new Date().toISOString()
  const stream = await through(world).completions.create({ ...counting(LONG), stream: true })
  const cut = endOf(stream)
  await cut.begun
  const waited = Promise.allSettled(Array.from({ length: WAITING }, ask))
  await until('the calls to wait in near', async () => ((await near.open()) > WAITING ? true : undefined))
  await near.kill()
  notes.tell('kill -9', `provider near ended in the middle of a stream, with ${WAITING} more calls waiting in it`)
  const fellBack = (await waited).filter((one) => one.status === 'fulfilled' && one.value).length
  notes.check('waiting calls', `${fellBack} of ${WAITING} answered by spare, with the same words`, fellBack === WAITING)
  const end = await cut.end
  notes.check(
    'the stream',
    end.error === undefined ? 'looked whole' : `cut after ${end.pieces} pieces: ${end.error}`,
    end.error !== undefined,
  )
  let after = 0
  for (let i = 0; i < AFTER; i++) if (await ask()) after++
  notes.check('calls after it', `${after} of ${AFTER} answered`, after === AFTER)
  await logged(world, notes, await callsSince(world, since, 1 + WAITING + AFTER))
  await back(world, notes, ask)
}

async function logged(world: LlmWorld, notes: Notebook, calls: readonly LlmCall[]): Promise<void> {
  const ok = calls.filter(({ outcome, provider }) => outcome === 'ok' && provider === 'spare')
  const cut = calls.filter(({ outcome }) => outcome === 'cut')
  notes.check(
    'in the log',
    `${ok.length} answered by spare, ${cut.length} cut, ${calls.length - ok.length - cut.length} else`,
    ok.length === WAITING + AFTER && cut.length === 1,
  )
  const details = await Promise.all(ok.map((call) => detailOf(world, call)))
  const tries = details.filter(({ attempts }) => attempts.length === 2 && attempts[0]?.status === null).length
  const rested = details.filter(({ attempts }) => attempts.length === 1).length
  notes.check(
    'tries',
    `${tries} calls tried near first; it failed and is left alone for a while, so ${rested} went straight to spare`,
    tries >= WAITING && tries + rested === ok.length,
  )
  const { total } = await world.client.call(llmCallsApi.llmOverview, { query: {} })
  const { ok: answered, refused, aborted, cut: broken, failed, lost } = total.outcomes
  notes.check(
    'the whole story',
    `${total.requests} calls: ${answered} answered, ${refused} refused, ${aborted} left, ${broken} cut, ${failed + lost} failed`,
    failed + lost === 0 && broken === 1 && aborted === 1,
  )
  const [first] = details.filter(({ attempts }) => attempts.length === 2)
  if (first !== undefined) notes.link(`${world.client.url}/llm/calls/${first.id}`)
  notes.link(`${world.client.url}/llm/providers`)
}

/** The provider is there again: once its rest is over, it is asked again. */
async function back(world: LlmWorld, notes: Notebook, ask: () => Promise<boolean>): Promise<void> {
  const begun = performance.now()
  await world.models.near.startAgain()
  const call = await until('a call that near answers', async () => {
    await wait(PAUSE_MS)
    const since = new Date().toISOString()
    if (!(await ask())) throw new Error('a call was not answered with the same words')
    const [made] = await callsSince(world, since, 1)
    return made?.provider === 'near' ? made : undefined
  })
  const seconds = ((performance.now() - begun) / 1000).toFixed(0)
  notes.check('near is back', `it answers again ${seconds} s after it was started again`, call.outcome === 'ok')
}

interface StreamEnd {
  readonly pieces: number
  /** What the client was told; undefined = nothing, as if it were whole. */
  readonly error: string | undefined
}

/** Reads a stream to its end: `begun` resolves with its first piece, `end` says how it ended. */
function endOf(stream: AsyncIterable<{ readonly choices: readonly unknown[] }>): {
  readonly begun: Promise<void>
  readonly end: Promise<StreamEnd>
} {
  const { promise: begun, resolve } = Promise.withResolvers<void>()
  const read = async (): Promise<StreamEnd> => {
    let pieces = 0
    try {
      for await (const { choices } of stream) if (choices.length > 0 && ++pieces === 1) resolve()
      return { pieces, error: undefined }
    } catch (error) {
      return { pieces, error: error instanceof Error ? error.message : String(error) }
    } finally {
      resolve()
    }
  }
  return { begun, end: read() }
}
