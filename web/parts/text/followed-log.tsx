/** The end of a log as it is written: what is there first, then each piece as it comes; it is followed until the reader scrolls up. */
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import { followPath, logEnd } from '../../data/log-parts.ts'
import type { LogOf, LogPart, Shown } from '../../data/log-parts.ts'
import { appendLog, plainLog } from '../../data/log-text.ts'
import { Failure } from '../page/placeholders.tsx'
import { LogText } from './log-text.tsx'

interface LogEvent {
  readonly attempt: number
  readonly offset: number
  readonly text: string
}

/** A reader this near to the end follows it. */
const NEAR_PX = 400

interface FollowedLogProps {
  readonly of: LogOf
  readonly label: string
  readonly running: boolean
  readonly onShown: (shown: Shown) => void
  /** Called to try anew, with another key, what has failed. */
  readonly again: () => void
}

export function FollowedLog({ of: { run, step, item, attempt }, label, running, onShown, again }: FollowedLogProps) {
  // a run that ends while its log is followed is followed to the end of that
  const goesOn = useRef(running)
  const [text, setText] = useState('')
  const [said, setSaid] = useState('Waiting for output')
  const [failure, setFailure] = useState<unknown>(undefined)
  useEffect(() => {
    const of = { run, step, item, attempt }
    const gone = new AbortController()
    let source: EventSource | undefined
    const begin = (end: LogPart): void => {
      setFailure(undefined)
      setText(plainLog(end.text))
      onShown(end)
      if (goesOn.current) source = follow(of, end, setText, onShown)
      else setSaid('The log is empty.')
    }
    logEnd(of, gone.signal).then(begin, (error: unknown) => {
      if (!gone.signal.aborted) setFailure(error)
    })
    return () => {
      gone.abort()
      source?.close()
    }
  }, [run, step, item, attempt, onShown])
  const box = useFollowedEnd(text)
  if (failure !== undefined) return <Failure what="The log" error={failure} retry={again} />
  return <LogText box={box} label={label} text={text === '' ? said : text} />
}

/** Adds each piece that is written after a part. */
function follow(
  of: LogOf,
  end: LogPart,
  setText: (change: (before: string) => string) => void,
  onShown: (shown: Shown) => void,
): EventSource {
  const source = new EventSource(followPath(of, end))
  let shown: Shown = end
  source.addEventListener('log', (event: MessageEvent<string>) => {
    const { attempt, offset, text } = JSON.parse(event.data) as LogEvent
    const isNext = attempt !== shown.attempt
    const to = offset + new Blob([text]).size
    shown = {
      ...shown,
      attempt,
      attempts: Math.max(attempt, shown.attempts),
      from: isNext ? offset : shown.from,
      to,
      size: to,
    }
    setText((before) => (isNext ? appendLog('', text) : appendLog(before, text)))
    onShown(shown)
  })
  source.addEventListener('end', () => source.close())
  return source
}

/** Keeps the end of a text in sight while its reader is near to it, and brings it there at first. */
function useFollowedEnd(text: string) {
  const box = useRef<HTMLPreElement>(null)
  const begun = useRef(false)
  useLayoutEffect(() => {
    const element = box.current
    if (element === null || text === '') return
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX
    if (near || !begun.current) element.scrollTop = element.scrollHeight
    begun.current = true
  }, [text])
  return box
}
