/** The text of a log that is shown: its end, without terminal colours. */

const KEPT = 400_000
// oxlint-disable-next-line no-control-regex -- terminal colours begin with the control character ESC
const COLOURS = /\u001B\[[0-9;]*[A-Za-z]/g

/** A text without terminal colours. */
export function plainLog(text: string): string {
  return text.replace(COLOURS, '')
}

/** Adds text; the oldest lines beyond 400,000 characters are dropped, and said to be. */
export function appendLog(before: string, more: string): string {
  const whole = before + plainLog(more)
  if (whole.length <= KEPT) return whole
  const end = whole.slice(-KEPT)
  return `(earlier lines are in the log file: slipway logs)\n${end.slice(end.indexOf('\n') + 1)}`
}
