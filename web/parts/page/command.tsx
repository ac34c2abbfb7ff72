/** A command to type elsewhere, with a button that copies it. */
import { useState } from 'react'

export function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false)
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
  }
  return (
    <span className="command">
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard */}
      <code tabIndex={0}>{text}</code>
      <button type="button" className="button quiet" onClick={() => void copy()} aria-label={`Copy: ${text}`}>
        {copied ? 'Copied' : 'Copy'}
      </button>
    </span>
  )
}
