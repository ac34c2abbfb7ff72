/** One side of the playground at work: asks, shows what comes as it comes, and stops. */
import { useEffect, useRef, useState } from 'react'
import type { llmPlaygroundApi, PlaygroundCall, PlaygroundEvent } from '../../../src/contract/llm/playground.ts'
import { eventsFrom } from '../../data/api.ts'
import { afterEvent, afterStream, ASKED } from '../../data/llm/playground.ts'
import type { Answer } from '../../data/llm/playground.ts'

export interface SideRun {
  readonly answer: Answer
  /** Asks anew; what still comes of a question before is given up. */
  ask(body: PlaygroundCall): void
  /** Leaves the answer, which ends the call of the provider. */
  stop(): void
}

/** Leaving the page stops the answer too. */
export function useSideRun(): SideRun {
  const [answer, setAnswer] = useState<Answer>({ state: 'none' })
  const open = useRef<AbortController>(null)
  const stop = (): void => open.current?.abort()
  useEffect(() => () => open.current?.abort(), [])
  const ask = (body: PlaygroundCall): void => {
    stop()
    const control = new AbortController()
    open.current = control
    setAnswer(ASKED)
    void follow(body, control.signal, (change) => {
      if (open.current === control) setAnswer(change)
    })
  }
  return { answer, ask, stop }
}

async function follow(
  body: PlaygroundCall,
  signal: AbortSignal,
  set: (change: (before: Answer) => Answer) => void,
): Promise<void> {
  const began = performance.now()
  try {
    const events = eventsFrom<typeof llmPlaygroundApi.askPlayground>('POST', '/v1/llm/playground', { body, signal })
    for await (const one of events) {
      const ms = performance.now() - began
      set((before) => afterEvent(before, one as PlaygroundEvent, ms))
    }
    set((before) => afterStream(before, signal.aborted))
  } catch (error) {
    set((before) => afterStream(before, signal.aborted, error))
  }
}
