/** Edits of a cell by place: what is not edited, comments and formatting among it, stays as it was. */

export interface Edit {
  /** Bytes of the clean source. */
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A stretch of a source with the edits that lie in it. Throws a plain Error where two edits overlap, which would be a fault of ours. */
export function edited(source: string, edits: readonly Edit[], start = 0, end = Buffer.byteLength(source)): string {
  const bytes = Buffer.from(source)
  // what is put in at the end belongs to what follows, unless nothing does
  const inside = edits.filter(
    (one) => one.start >= start && one.end <= end && (one.start < end || end === bytes.length),
  )
  // what is put in at one place keeps the order in which it was asked for
  const sorted = inside
    .map((one, at) => ({ ...one, at }))
    .toSorted((a, b) => a.start - b.start || a.end - b.end || a.at - b.at)
  const parts: string[] = []
  let from = start
  for (const one of sorted) {
    if (one.start < from) throw new Error(`edits overlap at byte ${one.start}: ${JSON.stringify(one.text)}`)
    parts.push(bytes.subarray(from, one.start).toString(), one.text)
    from = one.end
  }
  parts.push(bytes.subarray(from, end).toString())
  return parts.join('')
}

/** Edits that put white space before each line of a stretch that does not begin within a text. */
export function indentation(source: string, held: readonly number[], start: number, end: number): Edit[] {
  const bytes = Buffer.from(source)
  const edits: Edit[] = []
  let line = 1
  let begin = 0
  for (let at = 0; at <= bytes.length; at += 1) {
    if (at !== bytes.length && bytes[at] !== 10) continue
    const blank = bytes.subarray(begin, at).toString().trim() === ''
    if (begin >= start && begin < end && !blank && !held.includes(line))
      edits.push({ start: begin, end: begin, text: '    ' })
    begin = at + 1
    line += 1
  }
  return edits
}
