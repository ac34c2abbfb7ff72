/** A step's log as it is written: follows the end until the reader scrolls up. Give it a key of run and step. */
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import { appendLog } from '../../data/log-text.ts'

interface LogEvent {
  readonly attempt: number
  readonly offset: number
  readonly text: string
}

/** A reader this near to the end follows it. */
const NEAR_PX = 400

export function LiveLog({ run, step, running }: { run: string; step: string; running: boolean }) {
  const goesOn = useRef(running)
  const box = useRef<HTMLPreElement>(null)
  const begun = useRef(false)
  const [text, setText] = useState('')
  const [ended, setEnded] = useState(false)
  useEffect(() => {
    const source = new EventSource(
      `/v1/pipeline-runs/${encodeURIComponent(run)}/steps/${encodeURIComponent(step)}/logs`,
    )
    source.addEventListener('log', (event: MessageEvent<string>) => {
      const { text: more } = JSON.parse(event.data) as LogEvent
      setText((before) => appendLog(before, more))
    })
    // a lost stream of a running step comes back where it was; that of an ended step would only begin anew
    source.addEventListener('error', () => {
      if (goesOn.current) return
      source.close()
      setEnded(true)
    })
    return () => source.close()
  }, [run, step])
  useEffect(() => {
    goesOn.current = running
  }, [running])
  useLayoutEffect(() => {
    const element = box.current
    if (element === null || text === '') return
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX
    if (near || !begun.current) element.scrollTop = element.scrollHeight
    begun.current = true
  }, [text])
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
    <pre ref={box} className="log" tabIndex={0} aria-label={`Log of ${step}`}>
      {text === '' ? (ended ? 'The log is empty.' : 'Waiting for output') : text}
    </pre>
  )
}
