/** Act 2: the official client of OpenAI says through the gateway what the model says directly, whole and as a stream; and what it leaves is stopped. */
import { until } from '../../stage/world.ts'
import type { Notebook } from '../../stage/world.ts'
import { callsSince, chatBody, directly, MODEL_NAME, through } from '../stage/llm-world.ts'
import type { LlmWorld } from '../stage/llm-world.ts'

const QUESTIONS = ['What is the capital of France?', 'Write a short poem about the sea.', 'Was macht ein Lotse? ✈']
/** Tokens of an answer. */
const MOST = 24
/** Far more than come before the client leaves. */
const LONG = 400

export async function client(world: LlmWorld, notes: Notebook): Promise<void> {
  let [same, whole] = [0, 0]
  for (const question of QUESTIONS) {
    const said = await streamed(directly(world, world.models.near), question, MODEL_NAME)
    if ((await streamed(through(world), question)) === said) same++
    const answer = await through(world).chat.completions.create(chatBody(question, MOST))
    if (answer.choices[0]?.message.content === said) whole++
  }
  const of = QUESTIONS.length
  notes.check('streams', `${same} of ${of} equal to what the model says directly, byte for byte`, same === of)
  notes.check('whole answers', `${whole} of ${of} equal to them`, whole === of)
  await leave(world, notes)
  notes.link(`${world.client.url}/llm`)
}

async function streamed(openai: ReturnType<typeof through>, question: string, model?: string): Promise<string> {
  let text = ''
  const stream = await openai.chat.completions.create({ ...chatBody(question, MOST, model), stream: true })
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
  return text
}

/** A client that leaves: the model is stopped too, and only what came is charged. */
async function leave(world: LlmWorld, notes: Notebook): Promise<void> {
  const since = new Date().toISOString()
  const stream = await through(world).completions.create({ ...counting(LONG), stream: true })
  let pieces = 0
  // what breaks off the loop ends the call
  for await (const { choices } of stream) if (choices.length > 0 && ++pieces === 3) break
  await until('the model to stop', async () => ((await world.models.near.open()) === 0 ? true : undefined))
  const [call] = await callsSince(world, since, 1)
  const { output } = call?.tokens ?? { output: null }
  notes.check(
    'a client that leaves',
    `${call?.outcome} after ${pieces} of up to ${LONG} tokens; the model is idle, charged for ${output} tokens`,
    call?.outcome === 'aborted' && output !== null && output < LONG / 2,
  )
}

/** A text that a model of any size goes on with for long. */
export function counting(most: number) {
  return { model: 'chat', prompt: '1, 2, 3, 4, 5, 6, 7, 8,', max_tokens: most, temperature: 0 as const }
}
