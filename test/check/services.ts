/** What is started or built once for all test files of a run, and told to them by variables: a migrated database, a PostgreSQL, the pages. */
import { join } from 'node:path'
import { shareBlank } from '../databases.ts'
import { sharePostgres } from '../postgres.ts'
import { sharePages } from '../web/built.ts'
import { lastLine, textsOf } from './prepare.ts'
import type { Progress } from './progress.ts'

/** What the files of a run share; `stop` ends it. */
export interface Shared {
  readonly env: NodeJS.ProcessEnv
  readonly stop: () => void
}

/** One part: `mark` stands in the text of a test file that uses it, or of its cases. */
export interface SharedPart {
  readonly name: string
  readonly mark: RegExp
  readonly start: () => Promise<Shared>
}

const PARTS: readonly SharedPart[] = [
  // most reach it by a fixture
  { name: 'migrated SQLite', mark: /./, start: shareBlank },
  { name: 'PostgreSQL', mark: /postgres/i, start: sharePostgres },
  {
    name: 'web UI',
    mark: /buildPages|fixtureSite|realSite|startedSite/,
    start: () => Promise.resolve({ env: sharePages(), stop: () => undefined }),
  },
]

/**
 * Starts the parts that some of the test files (relative to `root`) name. One that cannot be had is told of, and left to each file,
 * which fails or skips for itself.
 */
export async function startShared(
  root: string,
  files: readonly string[],
  progress: Progress,
  parts: readonly SharedPart[] = PARTS,
): Promise<Shared> {
  const texts = files.flatMap((file) => textsOf(join(root, file)))
  const started: Shared[] = []
  for (const { name, mark, start } of parts) {
    if (!texts.some((text) => mark.test(text))) continue
    try {
      started.push(await start())
    } catch (error) {
      progress.line(`  no ${name} for all files (${lastLine(error)}); each has its own`)
    }
  }
  const stop = (): void => started.forEach((one) => one.stop())
  return { env: Object.assign({}, ...started.map((one) => one.env)) as NodeJS.ProcessEnv, stop }
}
