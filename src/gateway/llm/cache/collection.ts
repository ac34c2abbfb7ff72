/** An answer as a whole and in steps: steps are collected into one, and one is taken apart into steps. */
import type { Answer, Choice, Delta, Part } from '../dialects/hub.ts'

type Said = Extract<Delta, { choice: number }>

/** One of the answers while its steps come. */
interface Draft {
  readonly parts: Part[]
  /** Where the calls of tools stand among the parts. */
  readonly calls: Map<number, number>
  end: Pick<Choice, 'finish' | 'sequence'> | undefined
}

/** The answer that the steps of a stream make; undefined where one of its choices has no end, or is missing. */
export function collected(deltas: readonly Delta[]): Answer | undefined {
  const drafts = new Map<number, Draft>()
  let id: string | null = null
  let usage: Answer['usage'] = null
  for (const delta of deltas) {
    if (delta.type === 'start') id = delta.id
    if (delta.type === 'start' || delta.type === 'usage') {
      usage = delta.usage
      continue
    }
    const draft = drafts.get(delta.choice) ?? { parts: [], calls: new Map<number, number>(), end: undefined }
    drafts.set(delta.choice, draft)
    grow(draft, delta)
  }
  const choices = Array.from(drafts, (_, n) => choiceOf(drafts.get(n)))
  const whole = choices.filter((choice) => choice !== undefined)
  return whole.length === 0 || whole.length < choices.length ? undefined : { id, choices: whole, usage }
}

function choiceOf(draft: Draft | undefined): Choice | undefined {
  return draft?.end === undefined ? undefined : { parts: draft.parts, ...draft.end }
}

function grow(draft: Draft, delta: Said): void {
  const { parts, calls } = draft
  const last = parts.at(-1)
  switch (delta.type) {
    case 'finish':
      draft.end = { finish: delta.finish, sequence: delta.sequence }
      return
    case 'text':
    case 'refusal':
      if (last?.type === delta.type) parts.splice(-1, 1, { ...last, text: last.text + delta.text })
      else parts.push({ type: delta.type, text: delta.text, path: '' })
      return
    case 'call': {
      const { id, name, signature } = delta
      calls.set(delta.call, parts.push({ type: 'call', id, name, args: '', signature, path: '' }) - 1)
      return
    }
    case 'args': {
      const at = calls.get(delta.call) ?? -1
      const call = parts[at]
      if (call?.type === 'call') parts[at] = { ...call, args: call.args + delta.text }
      return
    }
    default:
      think(parts, delta)
  }
}

/** A signature ends a piece of reasoning. */
function think(parts: Part[], delta: Extract<Said, { type: 'reasoning' | 'signature' }>): void {
  const last = parts.at(-1)
  const open = last?.type === 'reasoning' && last.signature === null ? last : undefined
  const note = { type: 'reasoning', text: '', signature: null, redacted: false, path: '' } as const
  if (delta.type === 'signature' && delta.redacted) {
    parts.push({ ...note, signature: delta.signature, redacted: true })
    return
  }
  if (open !== undefined) parts.pop()
  const { text, signature } = open ?? note
  if (delta.type === 'signature') parts.push({ ...note, text, signature: delta.signature })
  else parts.push({ ...note, text: text + delta.text, signature })
}

/** The steps that an answer is told in; undefined where it has parts that no stream has. */
export function stepsOf({ id, choices, usage }: Answer): Delta[] | undefined {
  const steps: Delta[] = [{ type: 'start', id, usage }]
  for (const [choice, { parts, finish, sequence }] of choices.entries()) {
    let call = 0
    for (const part of parts) {
      const told = toldIn(part, choice, call)
      if (told === undefined) return undefined
      if (part.type === 'call') call++
      steps.push(...told)
    }
    steps.push({ type: 'finish', choice, finish, sequence })
  }
  return usage === null ? steps : [...steps, { type: 'usage', usage }]
}

function toldIn(part: Part, choice: number, call: number): Delta[] | undefined {
  if (part.type === 'text' || part.type === 'refusal') return [{ type: part.type, choice, text: part.text }]
  if (part.type === 'call') {
    const { id, name, signature, args } = part
    return [
      { type: 'call', choice, call, id, name, signature },
      ...(args === '' ? [] : [{ type: 'args', choice, call, text: args } as const]),
    ]
  }
  if (part.type !== 'reasoning') return undefined
  const { text, signature, redacted } = part
  return [
    ...(text === '' ? [] : [{ type: 'reasoning', choice, text } as const]),
    ...(signature === null ? [] : [{ type: 'signature', choice, signature, redacted } as const]),
  ]
}
