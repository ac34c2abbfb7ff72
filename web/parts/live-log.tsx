/** A step's log as it is written: follows the end until the reader scrolls up. */
import { useEffect, useRef, useState } from 'react'
import { appendLog } from '../log-text.ts'

interface LogEvent {
  readonly attempt: number
  readonly offset: number
  readonly text: string
}

export function LiveLog({ run, step }: { run: string; step: string }) {
  const box = useRef<HTMLPreElement>(null)
  const [text, setText] = useState('')
  const [ended, setEnded] = useState(false)
  useEffect(() => {
    setText('')
    setEnded(false)
    const source = new EventSource(
      `/v1/pipeline-runs/${encodeURIComponent(run)}/steps/${encodeURIComponent(step)}/logs`,
    )
    source.addEventListener('log', (event: MessageEvent<string>) => {
      const { text: more } = JSON.parse(event.data) as LogEvent
      setText((before) => appendLog(before, more))
    })
    // the stream ends with the step; a browser would begin it again
    source.addEventListener('error', () => {
      source.close()
      setEnded(true)
    })
    return () => source.close()
  }, [run, step])
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < 160
    if (near) element.scrollTop = element.scrollHeight
  }, [text])
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
    <pre ref={box} className="log" tabIndex={0} aria-label={`Log of ${step}`}>
      {text === '' ? (ended ? 'It wrote nothing.' : 'Waiting for the first line') : text}
    </pre>
  )
}
