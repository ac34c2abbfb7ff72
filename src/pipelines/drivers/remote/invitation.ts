/** What a process needs to take an attempt up: a token for that alone, and the variables with which it is started. */
import { SYSTEM, type Tokens } from '../../../auth/tokens.ts'
import { DAY_MS } from '../../../contract/ids.ts'
import type { Tx } from '../../../store/db.ts'
import { nodeProgram } from './program.ts'

/** How long a token to take an attempt up is good: for so long an attempt may wait for a node, ms. */
const CLAIM_MS = 7 * DAY_MS

/** Starts the program of a node, with the variables of `invitation`. */
export const NODE_COMMAND = [
  'python3',
  '-I',
  '-S',
  '-c',
  "import os; exec(os.environ.pop('SLIPWAY_NODE_START'))",
] as const

/** A token with which one process may take an attempt up. It ends with the attempt. */
export async function claimToken(
  t: Tx,
  tokens: Pick<Tokens, 'createIn'>,
  attempt: string,
  now: number,
): Promise<string> {
  const wanted = { name: 'node', role: 'service', attempt, node: 'claim', expires_at: now + CLAIM_MS } as const
  return (await tokens.createIn(t, SYSTEM, wanted, {})).token
}

/** The variables of a process that is to take an attempt up; `url` is where it reaches this server. */
export function invitation(attempt: string, token: string, url: string): Record<string, string> {
  const { digest, start } = nodeProgram()
  return {
    SLIPWAY_NODE_URL: url,
    SLIPWAY_NODE_ATTEMPT: attempt,
    SLIPWAY_NODE_TOKEN: token,
    SLIPWAY_NODE_PROGRAM: digest,
    SLIPWAY_NODE_START: start,
  }
}
