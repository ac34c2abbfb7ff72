/** A text whose rest is folded away where it is long. */

const SHORT = 120

/** The whole text, or its first 120 characters with the rest on demand. */
export function LongText({ text }: { text: string }) {
  if (text.length <= SHORT) return text
  return (
    <details>
      <summary>{text.slice(0, SHORT)}…</summary>
      {text}
    </details>
  )
}
