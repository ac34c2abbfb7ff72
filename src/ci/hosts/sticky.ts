/** The one comment of a change: found again by its marker, never taken back to an older push, made anew where it was deleted. */
import { HostRefusal } from './api.ts'

export interface Note {
  readonly id: string
  readonly body: string
}

/** The comments of a change on a host; only those that this token's owner wrote. */
export interface Notes {
  /** The newest commit of the change. */
  head(): Promise<string>
  /** Own comments, oldest first. */
  list(): Promise<readonly Note[]>
  create(body: string): Promise<void>
  /** False when it is gone. */
  update(id: string, body: string): Promise<boolean>
  remove(id: string): Promise<void>
}

/** A report as it is posted. */
export interface Posting {
  readonly project: string
  readonly commit: string
  readonly run: string
  /** When the run was made, ms: of two runs of one commit the newer stays. */
  readonly at: number
  readonly body: string
}

export type Posted = 'posted' | 'unchanged' | 'superseded' | 'unsettled'

/** Rounds in which others may come between. */
const ROUNDS = 6

/** The first line of a comment. It is looked for at the very beginning, so that a quotation is none. */
export function markerOf({ project, commit, run, at }: Omit<Posting, 'body'>): string {
  return `<!-- slipway-report project=${word(project)} commit=${word(commit)} run=${word(run)} at=${at} -->`
}

/** A comment of HTML may not hold two dashes. */
function word(text: string): string {
  return encodeURIComponent(text).replaceAll('-', '%2D')
}

const MARKER = /^<!-- slipway-report project=(\S+) commit=(\S+) run=(\S+) at=(\d+) -->/

function readMarker(body: string): Omit<Posting, 'body'> | undefined {
  const [, project, commit, run, at] = MARKER.exec(body) ?? []
  if (project === undefined || commit === undefined || run === undefined) return undefined
  const words = [project, commit, run].map((word) =>
    /^(?:[^%]|%[0-9A-F]{2})+$/.test(word) ? decodeURIComponent(word) : word,
  )
  return { project: words[0] ?? '', commit: words[1] ?? '', run: words[2] ?? '', at: Number(at) }
}

/**
 * Posts a report. The newest commit of the change wins, and of one commit the newest run; hosts have no conditional writes, so what
 * was written is read again. One that finds that a newer push or run came meanwhile posts its report in its place, where the server
 * has it (`newest`, of the newest commit). Throws `HostRefusal`.
 */
export async function postSticky(
  notes: Notes,
  first: Posting,
  newest: (commit: string) => Promise<Posting | undefined>,
): Promise<Posted> {
  let mine = first
  let outcome: Posted = 'unchanged'
  let gone = 0
  for (let round = 0; round < ROUNDS; round++) {
    const head = await notes.head()
    const known = await newest(head)
    mine = newerOf(mine, known)
    const [there, ...others] = await ours(notes, mine.project)
    for (const { id } of others) await notes.remove(id)
    if (there !== undefined && there.body === mine.body.trimEnd()) return settled(outcome, first, mine)
    // its own job has told it, against a merge base that may be another one
    if (there !== undefined && there.marker.run === mine.run && mine.run !== first.run) return 'superseded'
    if (there !== undefined && !isMade(there.marker, head, known) && isAhead(there.marker, mine, head))
      return 'superseded'
    if (there === undefined) await notes.create(mine.body)
    else if (!(await notes.update(there.id, mine.body))) gone++
    outcome = 'posted'
  }
  // GitHub calls what a token may not change gone as well
  if (gone === ROUNDS) throw new HostRefusal('gone', 404, 'the comment is listed, and gone when it is to be changed')
  return 'unsettled'
}

/** What is known of the newest push, where that is newer: of another push, or of a later run of the same. */
function newerOf(mine: Posting, known: Posting | undefined): Posting {
  if (known === undefined || (known.commit === mine.commit && known.at <= mine.at)) return mine
  return known
}

function settled(outcome: Posted, first: Posting, mine: Posting): Posted {
  return mine.run === first.run ? outcome : 'superseded'
}

async function ours(notes: Notes, project: string): Promise<(Note & { marker: Omit<Posting, 'body'> })[]> {
  return (await notes.list()).flatMap((note) => {
    // hosts may change line ends, and cut blanks at both ends
    const body = note.body.replaceAll('\r\n', '\n').trimEnd()
    const marker = readMarker(body)
    return marker?.project === project ? [{ id: note.id, body, marker }] : []
  })
}

/** Whether somebody made up what a comment says: it is of the newest commit, and later than any run of it that the server knows. */
function isMade(there: Omit<Posting, 'body'>, head: string, known: Posting | undefined): boolean {
  return known !== undefined && there.commit === head && there.at > known.at
}

function isAhead(there: Omit<Posting, 'body'>, mine: Posting, head: string): boolean {
  if (there.commit !== mine.commit) {
    if (there.commit === head) return true
    if (mine.commit === head) return false
  }
  return there.at > mine.at
}
