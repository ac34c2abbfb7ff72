/** The call that a look-up makes, as a command to type elsewhere, and what it was answered. */
import { useQuery } from '@tanstack/react-query'
import type { EntityRead } from '../../data/features/entity-row.ts'
import type { LookedUp, ReadFeatures } from '../../data/features/queries.ts'
import * as read from '../../data/queries.ts'
import { Command } from '../page/command.tsx'

export interface LookUpCallProps {
  readonly path: '/v1/features:read' | '/v1/features:look-up'
  readonly asked: EntityRead
  readonly answer: ReadFeatures | LookedUp | undefined
}

export function LookUpCall({ path, asked, answer }: LookUpCallProps) {
  const server = useQuery(read.server)
  const url = `${server.data?.url ?? '$SLIPWAY_URL'}${path}`
  const body = JSON.stringify(asked).replaceAll("'", String.raw`'\''`)
  return (
    <>
      <Command
        text={`curl -H "authorization: Bearer $SLIPWAY_TOKEN" -H 'content-type: application/json' -d '${body}' ${url}`}
      />
      {answer !== undefined && (
        <details>
          <summary>The answer as JSON</summary>
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- an area that scrolls must be reachable by keyboard */}
          <pre className="log short" tabIndex={0} role="group" aria-label="Answer">
            {JSON.stringify(answer, null, 2)}
          </pre>
        </details>
      )}
    </>
  )
}
