/** Times: relative ones that keep up with the clock, the exact one on hover. */
import { useSyncExternalStore } from 'react'
import { ago, exact } from '../../../src/contract/text/format.ts'

const TICK_MS = 15_000
let now = Date.now()
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  now = Date.now()
  timer ??= setInterval(() => {
    now = Date.now()
    for (const hear of listeners) hear()
  }, TICK_MS)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

function current(): number {
  return now
}

/** The present in ms, renewed every 15 s for all who look. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, current, current)
}

/** A time relative to now; what was there from the first start on has the time 0. */
export function RelativeTime({ at }: { at: string }) {
  const present = useNow()
  if (Date.parse(at) === 0) return <span className="nowrap">at setup</span>
  return (
    <time dateTime={at} title={exact(at)} className="nowrap">
      {ago(at, present)}
    </time>
  )
}
