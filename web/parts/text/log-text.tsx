/** The text of a log in its box. */
import type { RefObject } from 'react'

export interface LogTextProps {
  readonly box?: RefObject<HTMLPreElement | null>
  readonly label: string
  readonly text: string
}

export function LogText({ box, label, text }: LogTextProps) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard
    <pre ref={box} className="log" tabIndex={0} aria-label={label}>
      {text}
    </pre>
  )
}
