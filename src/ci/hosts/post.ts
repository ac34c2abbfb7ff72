/** Posts a report to a host: the signs of the commit and the comment, each by itself, so that one refusal costs the others nothing. */
import type { ChangeReport } from '../../contract/changes/report.ts'
import { headline, markdown } from '../render/markdown.ts'
import { documentWithoutSecrets } from '../render/escape.ts'
import { HostRefusal } from './api.ts'
import { STATUS_CHARACTERS } from './github.ts'
import type { Host, Verdict } from './host.ts'
import { markerOf, postSticky } from './sticky.ts'
import type { Posting } from './sticky.ts'

/** What became of one part. */
export interface Part {
  readonly what: string
  readonly done: boolean
  /** In words what happened, or why not. */
  readonly note: string
}

export interface Post {
  readonly report: ChangeReport
  /** Commit that the host knows the report by. */
  readonly commit: string
  /** Page of a run; '' where nobody could open it. */
  readonly page: (run: string) => string
  readonly secrets: readonly string[]
  /** The report of the newest run that stands for a commit of the change, where the server has one. */
  readonly reportOf: (commit: string) => Promise<ChangeReport | undefined>
}

/** Never throws for what the host refuses: each part says so. */
export async function post(host: Host, asked: Post): Promise<Part[]> {
  const parts: Part[] = []
  for (const sign of host.signs) parts.push(await partOf(sign.what, () => postSign(sign, asked)))
  const { notes } = host
  if (notes === undefined) return parts
  const newest = async (commit: string): Promise<Posting | undefined> => {
    const other = await asked.reportOf(commit)
    return other === undefined ? undefined : postingOf({ ...asked, report: other, commit })
  }
  parts.push(await partOf('comment', async () => TOLD[await postSticky(notes, postingOf(asked), newest)]))
  return parts
}

/** Times that runs of one commit may end while its sign is told. */
const ROUNDS = 4

/**
 * Of two runs of one commit the later stands, whichever job ends last: a host keeps what it is told last, so the server is asked before
 * and after.
 */
async function postSign({ post: tell }: Host['signs'][number], asked: Post): Promise<string> {
  let told: ChangeReport | undefined
  for (let round = 0; round < ROUNDS; round++) {
    const report = laterOf(asked.report, await asked.reportOf(asked.commit))
    if (report.run.id === told?.run.id) break
    await tell(verdictOf(report, asked))
    told = report
  }
  return told?.run.id === asked.report.run.id ? TOLD.posted : 'left to a later run of the commit'
}

function laterOf(own: ChangeReport, known: ChangeReport | undefined): ChangeReport {
  return known !== undefined && Date.parse(known.run.created_at) > Date.parse(own.run.created_at) ? known : own
}

function verdictOf(told: ChangeReport, { page, secrets }: Post): Verdict {
  const report = documentWithoutSecrets(told, secrets)
  const { project, verdict, run } = report
  return {
    verdict,
    project,
    run: run.id,
    page: page(run.id),
    headline: headline(report, STATUS_CHARACTERS),
    markdown: markdown(report, { marker: '', page: page(run.id) }),
  }
}

const TOLD = {
  posted: 'posted',
  unchanged: 'there already',
  superseded: 'left to a newer push',
  unsettled: 'written, but others write it too: it may not stay',
} as const

function postingOf({ commit, page, secrets, ...asked }: Pick<Post, 'report' | 'commit' | 'page' | 'secrets'>): Posting {
  const report = documentWithoutSecrets(asked.report, secrets)
  const { project, run } = report
  const known = { project, commit, run: run.id, at: Date.parse(run.created_at) }
  return { ...known, body: markdown(report, { marker: markerOf(known), page: page(run.id) }) }
}

async function partOf(what: string, act: () => Promise<string>): Promise<Part> {
  try {
    return { what, done: true, note: await act() }
  } catch (error) {
    if (!(error instanceof HostRefusal)) throw error
    return { what, done: false, note: `${REASONS[error.kind]} (${error.message})` }
  }
}

const REASONS = {
  rights: 'the token has no right to it',
  gone: 'the host knows no such place, or the token may not see it',
  refused: 'the host does not take it',
  away: 'the host does not answer',
} as const
