/** Writes that come again and again get a name, under which PostgreSQL reads and plans them once a connection. */

/** A text that was written so often gets a name: what is made for one call only would fill the connections. */
const OFTEN = 8

/** Names given at most; each is kept by every connection that writes. */
const NAMES = 256

/** Texts counted; all are forgotten when there are more. */
const COUNTED = 2000

/** The names of this process: each connection prepares what it is given under one of them. */
export const preparedName = preparedNames()

/**
 * Gives the name of a statement in PostgreSQL's SQL; undefined where it is to be planned each time: searches, whose best plan hangs on what
 * is looked for; rows returned whole, which a migration beside this process may widen; and what comes seldom.
 */
export function preparedNames(): (text: string) => string | undefined {
  const names = new Map<string, string>()
  const counts = new Map<string, number>()
  return (text) => {
    const known = names.get(text)
    if (known !== undefined) return known
    if (names.size === NAMES || !/^\s*(INSERT|UPDATE|DELETE)\b/i.test(text) || /\bRETURNING\s+\*/i.test(text))
      return undefined
    const count = (counts.get(text) ?? 0) + 1
    if (count < OFTEN) {
      if (counts.size >= COUNTED) counts.clear()
      counts.set(text, count)
      return undefined
    }
    counts.delete(text)
    const name = `w${names.size}`
    names.set(text, name)
    return name
  }
}
