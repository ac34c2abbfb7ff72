/** Server-sent events as they come: of a response whose route answers with events. Runs in Node and in browsers. */

/** One event; its data is text, as a rule JSON. */
export interface SentEvent {
  readonly event: string
  readonly data: string
}

/** The events of a response, each once it is whole; comments are passed over. Ends with the response, and throws what broke it off. */
export async function* eventsOf({ body }: Response): AsyncGenerator<SentEvent> {
  if (body === null) return
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += decoder.decode(value, { stream: true })
      const parts = text.split('\n\n')
      text = parts.pop() ?? ''
      for (const part of parts) {
        const event = eventIn(part)
        if (event !== undefined) yield event
      }
    }
  } finally {
    // who stops reading leaves: the server then ends what it does for them
    await reader.cancel().catch(ignore)
  }
}

function ignore(): void {
  // it broke off before, which reading has told
}

function eventIn(part: string): SentEvent | undefined {
  const lines = part.split('\n')
  const fields = (name: string): string[] =>
    lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2))
  const data = fields('data')
  return data.length === 0 ? undefined : { event: fields('event').at(-1) ?? 'message', data: data.join('\n') }
}
