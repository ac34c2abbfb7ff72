/** A room of language models with tokens, on the database of a bench. */
import { randomBytes } from 'node:crypto'
import { auditLog } from '../../auth/audit.ts'
import { tokens } from '../../auth/tokens.ts'
import { makeIds } from '../../contract/ids.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import type { Llm } from '../context/context.ts'

/** The room of a bench as the program makes it; `tokens` are those of its database. */
export function roomWithTokens(
  bench: Bench,
): Llm & Required<Pick<Llm, 'tokens'>> & { tokens: ReturnType<typeof tokens> } {
  const { db, clock } = bench.room
  const audit = auditLog(clock)
  return {
    ...bench.room,
    tokens: tokens({ db, clock, audit, ids: makeIds(clock, randomBytes) }),
    open: (sealed, of) => Buffer.from(sealed, 'base64').toString().slice(`${of}: `.length),
  }
}
