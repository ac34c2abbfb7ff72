/** `slipway ci report`: posts what a change did to the model to GitHub or GitLab, and writes it as Markdown, JSON and JUnit. */
import { appendFile, mkdir, stat, writeFile } from 'node:fs/promises'
import { readUserText } from '../../contract/absence/user-file.ts'
import { join } from 'node:path'
import { post } from '../../ci/hosts/post.ts'
import type { Part } from '../../ci/hosts/post.ts'
import { hostApi } from '../../ci/hosts/api.ts'
import { PROVIDERS, providerOf } from '../../ci/hosts/environment.ts'
import type { Place, Provider } from '../../ci/hosts/environment.ts'
import { github } from '../../ci/hosts/github.ts'
import { gitlab } from '../../ci/hosts/gitlab.ts'
import type { Host } from '../../ci/hosts/host.ts'
import { documentWithoutSecrets, withoutSecrets } from '../../ci/render/escape.ts'
import { junit } from '../../ci/render/junit.ts'
import { headline, markdown } from '../../ci/render/markdown.ts'
import { CallError } from '../../client/client.ts'
import type { Client } from '../../client/client.ts'
import { ifJson, ifMissing } from '../../contract/absence/absent.ts'
import { ciApi } from '../../contract/changes/report.ts'
import type { ChangeReport } from '../../contract/changes/report.ts'
import { number, text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { config } from '../invocation/config.ts'
import { connect } from '../invocation/server.ts'
import { mergeBase } from '../project/git.ts'
import { placeHere } from '../invocation/place.ts'

/** 0 passed, 1 a gate failed or waits, 2 no verdict: the server, the run or the arguments were at fault. */
const CODES = { passed: 0, failed: 1, waiting: 1, error: 2 } as const

export async function report(invocation: Invocation): Promise<number> {
  try {
    return CODES[await tell(invocation)]
  } catch (error) {
    if (error instanceof UsageError) throw error
    // the codes of this command are those that CI systems are used to
    const said = error instanceof Error ? error.message : String(error)
    process.stderr.write(`slipway: there is no verdict: ${withoutSecrets(said, secretsOf(process.env))}\n`)
    return 2
  }
}

async function tell(invocation: Invocation): Promise<ChangeReport['verdict']> {
  const { out } = invocation
  const place = await placeHere(providerHere(invocation))
  const { client } = await connect(invocation)
  const base = text(invocation, 'base') ?? (await baseOf(place, invocation))
  const secrets = secretsOf(process.env)
  const read = async (run: string): Promise<ChangeReport> => {
    const query = base === undefined ? {} : { base }
    return documentWithoutSecrets(await client.call(ciApi.changeReport, { params: { run }, query }), secrets)
  }
  const found = await read(await runOf(invocation))
  const pages = config('SLIPWAY_PAGES_URL') ?? client.url
  const page = (run: string): string =>
    `${pages.replace(/\/$/, '')}/pipelines/${encodeURIComponent(run)}/report${base === undefined ? '' : `?base=${encodeURIComponent(base)}`}`
  const drawn = (most: number): string => markdown(found, { marker: '', page: page(found.run.id), most })
  await writeFiles(text(invocation, 'out'), found, drawn(Number.POSITIVE_INFINITY))
  if (place.summary !== undefined) await summarise(place.summary, drawn)
  const parts = await postTo(hostOf(place, invocation), { client, found, place, page, secrets, read })
  for (const { what, done, note } of parts) out.line(`${done ? '✓' : '!'} ${what}: ${withoutSecrets(note, secrets)}`)
  if (parts.some(({ done }) => !done)) out.line(fallback(place))
  out.line(headline(found, 2000))
  out.data({ report: found, posted: parts })
  return found.verdict
}

function fallback({ summary, fork }: Place): string {
  const why = fork ? 'Jobs of a fork get a token that may only read. ' : ''
  return `${why}The verdict stands in ${summary === undefined ? 'the files of --out, ' : 'the summary of the job, '}and in the exit code.`
}

function providerHere(invocation: Invocation): Provider {
  const provider = text(invocation, 'provider') ?? providerOf(process.env)
  const known = PROVIDERS.find((one) => one === provider)
  if (known === undefined) throw new UsageError(`--provider is "${provider}"; expected one of ${PROVIDERS.join(', ')}`)
  return known
}

/** The merge base by git, where the history is there; else the commit that the CI system names. */
async function baseOf({ target, isBase, commit }: Place, { out }: Invocation): Promise<string | undefined> {
  if (target === undefined || !COMMIT.test(target)) return undefined
  if (isBase) return target
  const found = await mergeBase('.', target, COMMIT.test(commit) ? commit : 'HEAD')
  if (found === undefined) out.line(`note: git does not know the merge base (a shallow clone?); ${target} is taken`)
  return found ?? target
}

const COMMIT = /^[0-9a-f]{40,64}$/

/** The argument is a run, or the file that `slipway run --json` wrote. */
async function runOf(invocation: Invocation): Promise<string> {
  const given = invocation.args[1]
  if (given === undefined)
    throw new UsageError('slipway ci report needs a RUN, or the file that slipway run --json wrote')
  const file = await ifMissing(readUserText(given, { pipes: true }))
  if (file === undefined) return given
  const { id } = (ifJson(file) ?? {}) as { id?: unknown }
  if (typeof id !== 'string') throw new Error(`${given} holds no run: slipway run --json has written none`)
  return id
}

/** Values of variables that are called a secret; hosts mask them in logs, and nobody does in comments. */
const SECRET_NAME = /(?:TOKEN|SECRET|PASSWORD|PASSWD)S?(?:_|$)|(?:^|_|API|ACCESS|PRIVATE)KEYS?(?:_|$)/i

function secretsOf(env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).flatMap(([key, value]) => (SECRET_NAME.test(key) && value !== undefined ? [value] : []))
}

/** GitHub takes the summary of a step up to 1 MiB, and of a longer one nothing. */
const SUMMARY_BYTES = 1_000_000

async function summarise(file: string, drawn: (most: number) => string): Promise<void> {
  const there = (await ifMissing(stat(file)))?.size ?? 0
  await appendFile(file, `${drawn(Math.max(0, SUMMARY_BYTES - there))}\n`)
}

async function writeFiles(folder: string | undefined, found: ChangeReport, drawn: string): Promise<void> {
  if (folder === undefined) return
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'report.md'), drawn)
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(found, null, 2)}\n`)
  await writeFile(join(folder, 'junit.xml'), junit(found))
}

/** Undefined where there is nothing to post to, or nothing to post with. */
function hostOf(place: Place, invocation: Invocation): Host | undefined {
  const { provider, token, commit, repository } = place
  if (provider === 'none') return undefined
  if (token === '' || commit === '' || repository === '') {
    const name = provider === 'github' ? 'GITHUB_TOKEN' : 'GITLAB_TOKEN'
    invocation.out.line(
      `note: nothing is posted, for ${token === '' ? `${name} is not set` : 'the job names no commit'}`,
    )
    return undefined
  }
  const seconds = number(invocation, 'wait', { min: 0, max: 3600, default: 300 })
  const common = { url: place.api.replace(/\/$/, ''), patience: seconds * 1000 }
  if (provider === 'github') {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
    }
    return github(hostApi({ ...common, headers }), { repository, commit, pull: place.change })
  }
  return gitlab(hostApi({ ...common, headers: { 'private-token': token } }), {
    project: repository,
    commit,
    request: place.change,
  })
}

interface Posting {
  readonly client: Client
  readonly found: ChangeReport
  readonly place: Place
  readonly page: (run: string) => string
  readonly secrets: readonly string[]
  readonly read: (run: string) => Promise<ChangeReport>
}

async function postTo(host: Host | undefined, { client, found, place, page, secrets, read }: Posting): Promise<Part[]> {
  if (host === undefined) return []
  const known = new Map([[found.run.id, found]])
  let unasked: string | undefined
  const parts = await post(host, {
    report: found,
    commit: place.commit,
    page,
    secrets,
    async reportOf(commit) {
      if (!COMMIT.test(commit)) return undefined
      try {
        const run = await standsFor(client, found, commit)
        if (run === undefined) return undefined
        const report = known.get(run) ?? (await read(run))
        known.set(run, report)
        return report
      } catch (error) {
        // the own report is known: a server that is away by now, or a token that has ended, takes nothing from it
        if (!(error instanceof CallError || error instanceof SyntaxError)) throw error
        unasked = error.message
        return undefined
      }
    },
  })
  if (unasked === undefined) return parts
  return [
    ...parts,
    { what: 'later runs', done: false, note: `the server does not say whether there are any (${unasked})` },
  ]
}

/**
 * The run that stands for a commit: of the own commit the newest of those that stand for it as much as the own run does, so that an
 * experiment which somebody made of it is none; else what the server names first.
 */
async function standsFor(client: Client, { project, run }: ChangeReport, commit: string): Promise<string | undefined> {
  const { items } = await client.call(ciApi.runsOfCommit, { query: { project, commit } })
  const least = items.find((one) => one.run === run.id)?.standing ?? items[0]?.standing ?? 0
  const equal = items.filter(({ standing }) => standing >= least)
  return equal.toSorted((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at))[0]?.run
}
